"""Whether a run kept the product's promises: what clients saw against what the topics and the ledger hold.

Pure: evidence in, violations out. Each rule is a function, and its name is what a violation is filed under.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.faults.history import Ask, Close, Part

TRUTHFUL = frozenset({"worker_lost", "stream_lost"})
"""Errors with which a stream may end for good after a crash."""
PASSING_STATUSES = frozenset({200, 409, 429, 502, 503, 504})
"""What a client may be answered while things break; whoever may ask again then does."""
READ_TOKENS = 11
"""Of each prompt, as the scripted provider counts."""
MOST_CALLS = 12
"""Calls of the provider for one job: attempts, and tries within them."""


@dataclass(frozen=True)
class JobRecord:
    """A job that stands in a job topic: it was accepted."""

    job_id: str
    word: str


@dataclass(frozen=True)
class End:
    """A terminal event, or a row of the ledger that says the same."""

    job_id: str
    kind: str
    """finished, failed or cancelled; a row may say something else."""
    attempt: int
    code: str | None = None
    tokens: tuple[int, int] | None = None
    """Read and written."""
    is_estimated: bool = False


@dataclass(frozen=True)
class Evidence:
    """Everything that is known when a run is over."""

    asks: Sequence[Ask]
    parts: Sequence[Part]
    jobs: Sequence[JobRecord]
    ends: Sequence[End]
    """From the event topic, each as often as it was told."""
    rows: Sequence[End]
    """From the ledger."""
    calls: Mapping[str, int]
    """How often the provider was asked for each word."""
    backlog: Mapping[str, int] = field(default_factory=dict)
    """By topic."""
    dead_letters: int = 0
    fallen: Mapping[str, int] = field(default_factory=dict)
    """How often processes ended that nobody killed."""
    processes: Sequence[str] = ()
    """Those that were left when all was stopped."""
    memory: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """MB that each process has, and may have."""

    @cached_property
    def ask_of(self) -> Mapping[int, Ask]:
        """The asks by number."""
        return {ask.number: ask for ask in self.asks}

    @cached_property
    def parts_of(self) -> Mapping[int, list[Part]]:
        """The exchanges of each ask, in order."""
        found: defaultdict[int, list[Part]] = defaultdict(list)
        for part in self.parts:
            found[part.ask].append(part)
        return found

    @cached_property
    def ends_of(self) -> Mapping[str, set[End]]:
        """The different ends of each job."""
        found: defaultdict[str, set[End]] = defaultdict(set)
        for end in self.ends:
            found[end.job_id].add(end)
        return found

    @cached_property
    def job_ids(self) -> Mapping[str, str]:
        """Every accepted job, and its word."""
        return {job.job_id: job.word for job in self.jobs}


@dataclass(frozen=True)
class Violation:
    """A promise that was broken."""

    rule: str
    what: str


def check(evidence: Evidence) -> list[Violation]:
    """All violations."""
    return [Violation(rule.__name__.strip("_"), what) for rule in RULES for what in rule(evidence)]


def _accepted_is_durable(evidence: Evidence) -> Iterator[str]:
    """What a client was told of stands in a topic."""
    for part in evidence.parts:
        if part.job_id is not None and part.job_id not in evidence.job_ids:
            yield f"ask {part.ask}: job {part.job_id} is in no topic"


def _ended_once(evidence: Evidence) -> Iterator[str]:
    for job_id, word in evidence.job_ids.items():
        ends = evidence.ends_of.get(job_id, set())
        if len(ends) != 1:
            yield f"job {job_id} ({word}) has {len(ends)} ends: {sorted(map(str, ends))}"


def _ledger_agrees(evidence: Evidence) -> Iterator[str]:
    rows = {row.job_id: row for row in evidence.rows}
    for job_id, ends in evidence.ends_of.items():
        row = rows.get(job_id)
        if row is None:
            yield f"job {job_id} is not in the ledger"
        elif (row.kind, row.code, row.tokens) not in {(end.kind, end.code, end.tokens) for end in ends}:
            yield f"job {job_id}: the ledger says {row}, the events {sorted(map(str, ends))}"


def _usage_is_counted_once(evidence: Evidence) -> Iterator[str]:
    """A finished job used what its whole text is, however many attempts it took."""
    tokens = {ask.word: ask.tokens for ask in evidence.asks}
    for end in evidence.ends:
        word = evidence.job_ids.get(end.job_id)
        if end.kind != "finished" or word not in tokens:
            continue
        read, written = end.tokens or (0, 0)
        if written != tokens[word] or (read != READ_TOKENS and not end.is_estimated):
            yield f"job {end.job_id} ({word}) used {end.tokens}, not {(READ_TOKENS, tokens[word])}"


def _chunks_are_dense(evidence: Evidence) -> Iterator[str]:
    """Each exchange gives the chunks from where it was asked to begin on, without gap or repetition."""
    for part in evidence.parts:
        seqs = [seq for seq, _ in part.chunks]
        if seqs != list(range(part.first_seq, part.first_seq + len(seqs))):
            yield f"ask {part.ask}, {part.verb} from {part.first_seq}: {seqs}"


def _same_chunks_everywhere(evidence: Evidence) -> Iterator[str]:
    """A chunk of a job is the same whenever and wherever it is read."""
    seen: dict[tuple[str, int], str] = {}
    for part in evidence.parts:
        for seq, text in part.chunks:
            first = seen.setdefault((part.job_id or "", seq), text)
            if first != text and part.job_id:
                yield f"ask {part.ask}: chunk {seq} of {part.job_id} is {first!r} and {text!r}"


def _texts_are_right(evidence: Evidence) -> Iterator[str]:
    """What a client has is the provider's text, or its beginning; all of it where it was told so."""
    for number, parts in evidence.parts_of.items():
        ask = evidence.ask_of[number]
        first = [part for part in parts if part.verb in {"post", "get"}]
        for seen in (first, *([part] for part in parts if part.verb == "reread")):
            for job_id, (text, is_whole) in _texts(seen).items():
                if not (ask.text == text if is_whole else ask.text.startswith(text)):
                    yield f"ask {number}, job {job_id}, whole: {is_whole}: {text!r} is not {ask.text!r}"


def _texts(parts: Sequence[Part]) -> Mapping[str | None, tuple[str, bool]]:
    """What was seen of each job, and whether a client was told that it is whole."""
    chunks: defaultdict[str | None, dict[int, str]] = defaultdict(dict)
    texts: dict[str | None, tuple[str, bool]] = {}
    for part in parts:
        if part.text is not None:
            texts[part.job_id] = (part.text, True)
        chunks[part.job_id].update(part.chunks)
    whole = {part.job_id for part in parts if part.close is Close.DONE}
    for job_id, seen in chunks.items():
        if seen:
            texts[job_id] = ("".join(seen[seq] for seq in sorted(seen)), job_id in whole)
    return texts


def _nothing_ends_silently(evidence: Evidence) -> Iterator[str]:
    for part in evidence.parts:
        if part.close in {Close.SILENT, Close.HUNG}:
            count = len(part.chunks)
            yield f"ask {part.ask}: {part.verb} at edge {part.edge} {part.close} after {count} chunks"


def _everyone_gets_an_end(evidence: Evidence) -> Iterator[str]:
    """Only who gave no key and saw nothing may be left without one: he cannot know."""
    for ask in evidence.asks:
        parts = [one for one in evidence.parts_of.get(ask.number, []) if one.verb in {"post", "get"}]
        if not parts:
            yield f"ask {ask.number} was never made"
            continue
        last = parts[-1]
        is_unknown = ask.key is None and last.close is Close.CUT and last.job_id is None
        is_told = last.close is Close.DONE or _is_told(ask, last)
        if not (is_told or is_unknown):
            yield f"ask {ask.number} ended {last.close} {last.status} {last.code}: {last.verb} {last.job_id}"


def _is_told(ask: Ask, last: Part) -> bool:
    """Whether it got the truth, if not its answer."""
    if last.close is not Close.ERROR:
        return False
    return last.code in TRUTHFUL or (last.code == "cancelled" and ask.cancels_after is not None)


def _answers_fit_the_ends(evidence: Evidence) -> Iterator[str]:
    """Whoever got the whole answer of a job, that job has finished; and the same for cancelled ones."""
    for part in evidence.parts:
        kinds = {end.kind for end in evidence.ends_of.get(part.job_id or "", ())}
        if part.verb == "cancel" or not kinds:
            continue
        if part.close is Close.DONE and kinds != {"finished"}:
            yield f"ask {part.ask}: whole, but job {part.job_id} is {kinds}"
        if part.code == "cancelled" and kinds != {"cancelled"}:
            yield f"ask {part.ask}: cancelled, but job {part.job_id} is {kinds}"


def _a_key_is_one_job(evidence: Evidence) -> Iterator[str]:
    by_word: defaultdict[str, set[str]] = defaultdict(set)
    for job_id, word in evidence.job_ids.items():
        by_word[word].add(job_id)
    for ask in evidence.asks:
        if ask.key is not None and len(by_word[ask.word]) > 1:
            yield f"ask {ask.number}: key {ask.key} is {sorted(by_word[ask.word])}"


def _statuses_are_known(evidence: Evidence) -> Iterator[str]:
    for part in evidence.parts:
        if part.status is not None and part.status not in PASSING_STATUSES and part.code not in TRUTHFUL:
            place = f"{part.verb} {part.job_id or ''} at edge {part.edge}"
            yield f"ask {part.ask}: {place}: {part.status} {part.code}"


def _the_provider_was_asked(evidence: Evidence) -> Iterator[str]:
    """What has finished was asked for; nothing was asked for without end."""
    for job_id, ends in evidence.ends_of.items():
        word = evidence.job_ids.get(job_id, "")
        if any(end.kind == "finished" for end in ends) and not evidence.calls.get(word):
            yield f"job {job_id} ({word}) finished, and nobody asked the provider"
    for word, calls in evidence.calls.items():
        if calls > MOST_CALLS:
            yield f"{word} was asked for {calls} times"


def _nothing_is_left(evidence: Evidence) -> Iterator[str]:
    yield from (f"{count} records wait in {topic}" for topic, count in evidence.backlog.items() if count)
    if evidence.dead_letters:
        yield f"{evidence.dead_letters} dead letters"
    yield from (f"process left: {name}" for name in evidence.processes)
    yield from (f"{name} ended by itself, {count} times" for name, count in evidence.fallen.items())
    for name, (has, may) in evidence.memory.items():
        if has > may:
            yield f"{name} has {has:.0f} MB, more than {may:.0f}"


RULES: Sequence[Callable[[Evidence], Iterator[str]]] = (
    _accepted_is_durable,
    _ended_once,
    _ledger_agrees,
    _usage_is_counted_once,
    _chunks_are_dense,
    _same_chunks_everywhere,
    _texts_are_right,
    _nothing_ends_silently,
    _everyone_gets_an_end,
    _answers_fit_the_ends,
    _a_key_is_one_job,
    _statuses_are_known,
    _the_provider_was_asked,
    _nothing_is_left,
)
