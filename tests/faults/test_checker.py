"""The checker accepts a good history, and names every promise that a bad one breaks."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import End, Evidence, JobRecord, check
from tests.faults.history import Ask, Close, Part

STREAM = Ask(0, 0, "a", tokens=3, gap=0.0, is_stream=True, key="k0")
WHOLE = Ask(1, 0, "b", tokens=2, gap=0.0, is_stream=False)
CANCELLED = Ask(2, 0, "c", tokens=5, gap=0.0, is_stream=True, cancels_after=1)
UNKNOWN = Ask(3, 0, "d", tokens=5, gap=0.0, is_stream=True)
CHUNKS = ((0, ""), (1, "a0 "), (2, "a1 "), (3, "a2 "), (4, ""))


def part(ask: int, verb: str = "post", close: Close = Close.DONE, **about: object) -> Part:
    usual = Part(ask, verb, edge=0, began=0.0, ended=1.0, close=close, status=200, job_id="ABCD"[ask])
    return replace(usual, **about)  # type: ignore[arg-type]  # fields of a Part


def good() -> Evidence:
    """A stream that was cut and resumed, a whole answer, a cancelled job, one whose end nobody knows."""
    ends = [
        End("A", "finished", 2, tokens=(11, 3)),
        End("B", "finished", 1, tokens=(11, 2)),
        End("C", "cancelled", 1, code=None, tokens=(0, 1)),
    ]
    return Evidence(
        asks=[STREAM, WHOLE, CANCELLED, UNKNOWN],
        parts=[
            part(0, close=Close.CUT, chunks=CHUNKS[:2]),
            part(0, "get", close=Close.UNREACHED, status=None),
            part(0, "get", first_seq=2, chunks=CHUNKS[2:]),
            part(0, "reread", chunks=CHUNKS),
            part(1, text="b0 b1 "),
            part(2, "cancel", close=Close.DONE),
            part(2, close=Close.ERROR, code="cancelled", chunks=((0, ""), (1, "c0 "))),
            part(3, close=Close.CUT, status=None, job_id=None),
        ],
        jobs=[JobRecord("A", "a"), JobRecord("A", "a"), JobRecord("B", "b"), JobRecord("C", "c")],
        ends=[ends[0], *ends],
        rows=ends,
        calls={"a": 2, "b": 1, "c": 1},
        backlog={"events.v1": 0},
        memory={"edge": (90.0, 300.0)},
    )


def test_a_good_history_breaks_nothing() -> None:
    assert check(good()) == []


def changed_part(index: int, **about: object) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        parts = list(evidence.parts)
        parts[index] = replace(parts[index], **about)  # type: ignore[arg-type]  # fields of a Part
        return replace(evidence, parts=parts)

    return change


def changed(**about: object) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, **about)  # type: ignore[arg-type]  # fields of Evidence


def more_ends(*ends: End) -> Callable[[Evidence], Evidence]:
    return lambda evidence: replace(evidence, ends=[*evidence.ends, *ends])


BAD: list[tuple[str, str, Callable[[Evidence], Evidence]]] = [
    ("accepted job that no topic has", "accepted_is_durable", changed(jobs=[JobRecord("B", "b")])),
    ("job without an end", "ended_once", changed(ends=[])),
    ("job that ended twice", "ended_once", more_ends(End("A", "finished", 3, tokens=(11, 3)))),
    ("job that ended in two ways", "ended_once", more_ends(End("A", "failed", 2, code="worker_lost"))),
    ("job that the ledger lacks", "ledger_agrees", changed(rows=[])),
    ("ledger with another state", "ledger_agrees", changed(rows=[End("A", "running", 2)])),
    ("usage of two attempts", "usage_is_counted_once", more_ends(End("B", "finished", 1, tokens=(22, 4)))),
    ("gap in a stream", "chunks_are_dense", changed_part(2, chunks=(CHUNKS[2], CHUNKS[4]))),
    ("resumed too late", "chunks_are_dense", changed_part(2, chunks=CHUNKS[3:])),
    ("chunk given twice", "chunks_are_dense", changed_part(2, chunks=(CHUNKS[2], *CHUNKS[2:]))),
    ("other chunk when read again", "same_chunks_everywhere", changed_part(3, chunks=((0, "x"),))),
    ("token repeated", "texts_are_right", changed_part(2, chunks=((2, "a0 "), (3, "a1 "), (4, "a2 ")))),
    ("text of another job", "texts_are_right", changed_part(4, text="a0 a1 ")),
    ("whole, and too short", "texts_are_right", changed_part(2, chunks=CHUNKS[2:3])),
    ("silent cut", "nothing_ends_silently", changed_part(0, close=Close.SILENT)),
    ("stream that hangs", "nothing_ends_silently", changed_part(0, close=Close.HUNG)),
    ("ask that was never made", "everyone_gets_an_end", changed(parts=[])),
    ("key without an end", "everyone_gets_an_end", changed_part(2, close=Close.CUT)),
    ("cancelled by nobody", "everyone_gets_an_end", changed_part(2, close=Close.ERROR, code="cancelled")),
    ("answer of a failed job", "answers_fit_the_ends", changed(ends=[End("B", "failed", 1)])),
    ("cancelled one that finished", "answers_fit_the_ends", changed(ends=[End("C", "finished", 1)])),
    ("key of two jobs", "a_key_is_one_job", changed(jobs=[JobRecord("A", "a"), JobRecord("Z", "a")])),
    ("job that is not found", "statuses_are_known", changed_part(2, status=404, code="not_found")),
    ("bare 500", "statuses_are_known", changed_part(4, status=500, code="internal_error")),
    ("answer from nowhere", "the_provider_was_asked", changed(calls={"a": 1})),
    ("endless retries", "the_provider_was_asked", changed(calls={"a": 90, "b": 1, "c": 1})),
    ("backlog", "nothing_is_left", changed(backlog={"events.v1": 3})),
    ("dead letters", "nothing_is_left", changed(dead_letters=1)),
    ("process", "nothing_is_left", changed(processes=["edge"])),
    ("crash", "nothing_is_left", changed(fallen={"edge": 1})),
    ("leak", "nothing_is_left", changed(memory={"edge": (400.0, 300.0)})),
]


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for _, rule, change in BAD], ids=[n for n, *_ in BAD]
)
def test_a_bad_history_is_caught(rule: str, change: Callable[[Evidence], Evidence]) -> None:
    found = {violation.rule for violation in check(change(good()))}

    assert rule in found


def test_an_estimated_usage_need_not_know_the_prompt() -> None:
    end = End("A", "finished", 2, tokens=(0, 3), is_estimated=True)
    rest = [one for one in good().ends if one.job_id != "A"]

    assert check(replace(good(), ends=[end, *rest], rows=[end, *rest])) == []
