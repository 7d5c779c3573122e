"""What an event adds to a job's story.

Within a partition the events of a job come in the order in which its edge and its workers sent them; the
edge's `accepted` may come after a worker's `claimed`. The first end of a job counts, and the first after each
redrive: ends that are told again, and whatever a stale attempt tells, change nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from typing import assert_never

from contracts.events import (
    Accepted,
    Cancelled,
    Claimed,
    Event,
    Failed,
    Finished,
    FirstFrame,
    HandedBack,
    Postponed,
    Redriven,
    Usage,
)
from contracts.story import Charge, Ended, Entry, Story
from contracts.wire.jobs import JobState

MOST_ENTRIES = 200
"""Events of one job that are kept one by one; a job that is tried for ever must not grow a row for ever."""
MOST_LETTERS = 256
"""Of names that others gave: a provider's, a model's."""
MOST_TOKENS = 2**62
"""Who tells more does not count: PostgreSQL could not keep it, and the job's end is worth more."""


Price = Callable[[str | None, int, int], int]
"""What tokens in and out of a model cost, in millionths of a US dollar."""


def free(_model: str | None, _input_tokens: int, _output_tokens: int) -> int:
    """Nothing costs anything."""
    return 0


@dataclass
class Bill:
    """What the ends that counted add up to, beside the stories. A job's second end, after a redrive, adds to
    its first: both were used."""

    price: Price = free
    charges: list[Charge] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def charge(self, story: Story, sign: int = 1) -> None:
        """Count what a story tells of its use."""
        if story.input_tokens is None or story.ended_at is None:
            return
        day = story.ended_at.astimezone(UTC).date()
        numbers = (story.input_tokens, story.output_tokens or 0, story.micro_usd or 0)
        self.charges.append(
            Charge(story.tenant, story.key_id or "", day, *(sign * number for number in numbers))
        )

    def cost(self, story: Story) -> None:
        """Put a price on it."""
        if story.input_tokens is None:
            story.micro_usd = None
        elif not story.is_cost_told:
            price = self.price(story.model, story.input_tokens, story.output_tokens or 0)
            story.micro_usd = min(price, MOST_TOKENS)


def fold(stories: dict[str, Story], events: Iterable[Event], bill: Bill | None = None) -> set[str]:
    """Add events to the stories of their jobs, in place, beginning those that are new.

    Returns the jobs that changed; `bill` is told what they used.
    """
    bill = bill or Bill()
    changed = set()
    for event in events:
        story = stories.get(event.job_id)
        if story is None:
            story = stories[event.job_id] = Story(job_id=event.job_id, tenant=event.tenant)
        if _tell(story, event, bill):
            changed.add(event.job_id)
    return changed


def _tell(story: Story, event: Event, bill: Bill) -> bool:
    """Whether the event says something new."""
    if not _is_news(story, event):
        return False
    match event:
        case Accepted():
            _accepted(story, event, bill)
        case Redriven():
            _redriven(story, event)
        case Claimed() | FirstFrame() | HandedBack() | Postponed():
            _moved(story, event)
        case Finished() | Failed() | Cancelled():
            _ended(story, event)
            bill.cost(story)
            bill.charge(story)
            bill.ended.append(_settled(story))
        case _:
            assert_never(event)
    story.timeline.append(_entry(event))
    if len(story.timeline) > MOST_ENTRIES:
        del story.timeline[MOST_ENTRIES // 2]  # the middle: how it began and how it ends is worth more
    return True


def _is_news(story: Story, event: Event) -> bool:
    if isinstance(event, Accepted):
        return story.accepted_at is None
    if isinstance(event, Redriven):
        return event.redrive > story.redrives
    return story.ended_at is None


def _accepted(story: Story, event: Accepted, bill: Bill) -> None:
    """Told after the end, it says for the first time whose use and which model's that was."""
    bill.charge(story, -1)
    story.kind, story.lane, story.model = event.kind, event.lane.value, _short(event.model)
    story.user_id, story.request_id = event.user_id, event.request_id
    story.accepted_at, story.deadline = event.at, event.deadline
    story.key_id = event.key_id
    bill.cost(story)
    bill.charge(story)


def _redriven(story: Story, event: Redriven) -> None:
    story.redrives = event.redrive
    story.state, story.attempts = JobState.QUEUED, 0  # attempts may be numbered anew: Redis forgets them
    story.ended_at = story.error = story.finish_reason = story.first_frame_at = story.micro_usd = None
    _count(story, None)


def _moved(story: Story, event: Claimed | FirstFrame | HandedBack | Postponed) -> None:
    if event.attempt < story.attempts:
        return
    story.attempts = event.attempt
    story.postponed_until = None
    match event:
        case Claimed():
            story.state, story.worker = JobState.RUNNING, event.worker[:MOST_LETTERS]
            story.claimed_at = story.claimed_at or event.at
        case FirstFrame():
            story.state = JobState.RUNNING
            story.first_frame_at = story.first_frame_at or event.at
        case HandedBack():
            story.state = JobState.QUEUED
        case Postponed():
            story.state, story.postponed_until = JobState.POSTPONED, event.until
        case _:
            assert_never(event)


def _ended(story: Story, event: Finished | Failed | Cancelled) -> None:
    story.ended_at = event.at
    story.attempts = max(story.attempts, event.attempt)
    story.postponed_until = None
    _count(story, event.usage)
    match event:
        case Finished():
            story.state, story.finish_reason = JobState.FINISHED, _short(event.finish_reason)
            story.model = story.model or _short(event.model)
            story.provider = _short(event.provider)
        case Failed():
            story.state, story.error = JobState.FAILED, event.error
        case Cancelled():
            story.state = JobState.CANCELLED
        case _:
            assert_never(event)


def _settled(story: Story) -> Ended:
    tokens = (story.input_tokens or 0) + (story.output_tokens or 0)
    return Ended(story.job_id, story.tenant, min(tokens, MOST_TOKENS))


def _count(story: Story, usage: Usage | None) -> None:
    story.input_tokens = None if usage is None else min(usage.input_tokens, MOST_TOKENS)
    story.output_tokens = None if usage is None else min(usage.output_tokens, MOST_TOKENS)
    story.cached_tokens = None if usage is None else min(usage.cached_tokens, MOST_TOKENS)
    story.reasoning_tokens = None if usage is None else min(usage.reasoning_tokens, MOST_TOKENS)
    story.usage_estimated = None if usage is None else usage.estimated
    told = None if usage is None else usage.micro_usd
    story.is_cost_told = None if usage is None else told is not None
    story.micro_usd = None if told is None else min(told, MOST_TOKENS)


def _short(text: str | None) -> str | None:
    return text and text[:MOST_LETTERS]


def _entry(event: Event) -> Entry:
    return Entry(
        type=event.type,
        at=event.at,
        attempt=getattr(event, "attempt", None),
        worker=event.worker if isinstance(event, Claimed) else None,
        detail=event.error.code if isinstance(event, Failed | Postponed) else None,
    )
