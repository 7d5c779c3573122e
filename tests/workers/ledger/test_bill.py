"""What the ends of jobs add up to for those who pay: each end once, under the right key, at its own price."""

from datetime import UTC, datetime

from contracts.events import Accepted, Event, Redriven, Usage
from contracts.story import Charge, Ended, Story
from tests.workers.ledger.telling import NOON, finished, whole_story
from workers.ledger.core import Bill, fold

JOB = "01ARYZ6S41TSV4RRFFQ69G5FAV"
KEY = "01ARYZ6S41TSV4RRFFQ69G5FAK"


def price(model: str | None, input_tokens: int, output_tokens: int) -> int:
    """A dear model, and others."""
    return (input_tokens + output_tokens) * (100 if model == "dear" else 1)


def billed(*events: Event) -> Bill:
    bill = Bill(price)
    stories: dict[str, Story] = {}
    fold(stories, events, bill)
    return bill


def accepted(**about: object) -> Accepted:
    return whole_story(JOB)[0].model_copy(update={"key_id": KEY, "model": "dear", **about})  # type: ignore[return-value]  # the first is


def sums(bill: Bill) -> dict[str, tuple[int, int, int]]:
    """What is counted for each key."""
    found: dict[str, tuple[int, int, int]] = {}
    for one in bill.charges:
        old = found.get(one.key_id, (0, 0, 0))
        found[one.key_id] = (
            old[0] + one.input_tokens,
            old[1] + one.output_tokens,
            old[2] + one.micro_usd,
        )
    return found


def test_the_first_end_counts_for_the_key_that_asked() -> None:
    _, *rest = whole_story(JOB)

    bill = billed(accepted(), *rest, *rest)

    assert bill.charges == [Charge("t1", KEY, NOON.date(), 2, 3, 500)]
    assert bill.ended == [Ended(JOB, "t1", 5)]


def test_an_acceptance_told_after_the_end_moves_the_use_to_its_key() -> None:
    _, *rest = whole_story(JOB)

    bill = billed(*rest, accepted())

    assert sums(bill) == {"": (0, 0, 0), KEY: (2, 3, 500)}
    assert bill.ended == [Ended(JOB, "t1", 5)]


def test_a_redriven_job_adds_its_second_use_to_its_first() -> None:
    _, *rest = whole_story(JOB)
    again = Redriven(job_id=JOB, tenant="t1", at=NOON, redrive=1)

    bill = billed(accepted(), *rest, again, finished(JOB, usage=Usage(input_tokens=10, output_tokens=1)))

    assert sums(bill) == {KEY: (12, 4, 1_600)}


def test_an_end_without_use_costs_nothing_and_is_settled() -> None:
    bill = billed(accepted(), finished(JOB))

    assert bill.charges == []
    assert bill.ended == [Ended(JOB, "t1", 0)]


def test_the_day_is_that_of_the_end_in_utc() -> None:
    late = datetime.fromisoformat("2026-11-23T00:30:00+02:00")

    bill = billed(accepted(), finished(JOB, at=late, usage=Usage(input_tokens=1)))

    assert [one.day for one in bill.charges] == [late.astimezone(UTC).date()]
    assert bill.charges[0].day == NOON.date()
