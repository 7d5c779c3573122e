"""What events add up to: the first end counts, whatever comes in another order or again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
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
from contracts.story import Story
from contracts.wire.jobs import JobState
from workers.ledger.core import MOST_ENTRIES, Bill, fold

JOB = "01ARYZ6S41TSV4RRFFQ69G5FAV"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ERROR = ApiError(ErrorCode.PROVIDER_ERROR, "The provider failed").detail
USAGE = Usage(input_tokens=7, output_tokens=5)
BILLED = USAGE.model_copy(update={"micro_usd": 0})
"""As the ledger has it: nothing costs anything here."""


def at(seconds: float) -> dict[str, Any]:  # the fields of JobFact
    return {"job_id": JOB, "tenant": "t1", "at": NOON + timedelta(seconds=seconds)}


def accepted() -> Accepted:
    return Accepted(**at(0), kind="completion", lane=Lane.FLEX, user_id="u1", model="m")


def claimed(attempt: int = 1, seconds: float = 1) -> Claimed:
    return Claimed(**at(seconds), attempt=attempt, worker=f"w{attempt}", asked_at=NOON)


def first_frame(attempt: int = 1) -> FirstFrame:
    return FirstFrame(**at(2), attempt=attempt)


def finished(attempt: int = 1, usage: Usage | None = USAGE) -> Finished:
    return Finished(**at(3), attempt=attempt, finish_reason="stop", usage=usage)


def failed(attempt: int = 1) -> Failed:
    return Failed(**at(4), attempt=attempt, error=ERROR)


def cancelled(attempt: int = 1) -> Cancelled:
    return Cancelled(**at(5), attempt=attempt, usage=Usage(output_tokens=2, estimated=True))


def redriven(redrive: int = 1) -> Redriven:
    return Redriven(**at(6), redrive=redrive)


def postponed(attempt: int = 1) -> Postponed:
    until = NOON + timedelta(seconds=60)
    return Postponed(**at(3), attempt=attempt, error=ERROR, until=until)


def handed_back(attempt: int = 1) -> HandedBack:
    return HandedBack(**at(3), attempt=attempt)


def story_of(*events: Event) -> Story:
    stories: dict[str, Story] = {}
    fold(stories, events)
    return stories[JOB]


def test_a_whole_job_has_its_times_its_usage_and_its_timeline() -> None:
    story = story_of(accepted(), claimed(), first_frame(), finished())
    view = story.view()

    assert story.state is JobState.FINISHED
    assert (story.kind, story.lane, story.user_id, story.model) == ("completion", "flex", "u1", "m")
    assert (story.attempts, story.worker, story.finish_reason) == (1, "w1", "stop")
    assert view.usage == BILLED
    assert [entry.type for entry in view.timeline] == ["accepted", "claimed", "first_frame", "finished"]
    assert (view.ended_at, view.first_frame_at) == (NOON + timedelta(seconds=3), NOON + timedelta(seconds=2))


def test_an_acceptance_may_come_late() -> None:
    in_order = story_of(accepted(), claimed(), finished())

    assert story_of(claimed(), accepted(), finished()).view() == in_order.view()
    assert story_of(claimed(), finished(), accepted()).view() == in_order.view()


@pytest.mark.parametrize(
    "again", [finished(), failed(2), cancelled(2), claimed(2), first_frame(2), accepted()]
)
def test_what_comes_after_the_first_end_changes_nothing(again: Event) -> None:
    whole: list[Event] = [accepted(), claimed(), finished()]

    assert story_of(*whole, again) == story_of(*whole)


def test_what_a_stale_attempt_tells_moves_nothing() -> None:
    story = story_of(accepted(), claimed(1), claimed(2), handed_back(1))

    assert (story.state, story.attempts, story.worker) == (JobState.RUNNING, 2, "w2")


def test_a_job_on_detours_says_where_it_is() -> None:
    assert story_of(accepted()).state is JobState.QUEUED
    assert story_of(accepted(), claimed()).state is JobState.RUNNING
    assert story_of(accepted(), claimed(), handed_back()).state is JobState.QUEUED
    waiting = story_of(accepted(), claimed(), postponed())
    assert waiting.state is JobState.POSTPONED
    assert waiting.postponed_until == NOON + timedelta(seconds=60)
    assert waiting.timeline[-1].detail == "provider_error"
    assert story_of(accepted(), claimed(), postponed(), claimed(2)).postponed_until is None


def test_a_failure_keeps_its_error_and_a_cancelled_job_what_it_used() -> None:
    assert story_of(accepted(), claimed(), failed()).error == ERROR
    usage = story_of(accepted(), claimed(), cancelled()).usage()
    assert usage is not None
    assert (usage.output_tokens, usage.estimated) == (2, True)


def test_a_redrive_opens_a_job_once_and_its_new_end_counts() -> None:
    reopened = story_of(accepted(), claimed(), failed(), redriven(), redriven())
    assert (reopened.state, reopened.ended_at, reopened.error) == (JobState.QUEUED, None, None)

    ended = story_of(accepted(), claimed(), failed(), redriven(), claimed(2), finished(2), failed(2))
    assert (ended.state, ended.redrives, ended.usage()) == (JobState.FINISHED, 1, BILLED)


def test_only_jobs_with_news_are_told_to_have_changed() -> None:
    stories: dict[str, Story] = {}

    assert fold(stories, [accepted(), claimed(), finished()]) == {JOB}
    assert fold(stories, [finished(), claimed(2)]) == set()


def test_a_timeline_has_an_end() -> None:
    story = story_of(*[claimed(attempt) for attempt in range(1, MOST_ENTRIES + 50)])

    assert len(story.timeline) == MOST_ENTRIES
    assert (story.timeline[0].attempt, story.timeline[-1].attempt) == (1, MOST_ENTRIES + 49)
    assert story.attempts == MOST_ENTRIES + 49


def test_a_redriven_job_is_followed_though_its_attempts_are_numbered_anew() -> None:
    story = story_of(accepted(), claimed(4), failed(4), redriven(), claimed(1), finished(1))

    assert (story.state, story.worker, story.attempts) == (JobState.FINISHED, "w1", 1)
    running = story_of(accepted(), claimed(4), failed(4), redriven(), claimed(1))
    assert running.state is JobState.RUNNING


def test_output_of_an_attempt_whose_beginning_was_not_told_shows_that_it_runs() -> None:
    assert story_of(accepted(), first_frame()).state is JobState.RUNNING


def test_a_cost_that_the_worker_told_is_kept_whatever_the_ledger_would_say() -> None:
    told = USAGE.model_copy(update={"micro_usd": 41})
    bill = Bill(lambda _model, _input, _output: 7)
    stories: dict[str, Story] = {}

    fold(stories, [finished(usage=told), accepted()], bill)

    (story,) = stories.values()
    assert (story.micro_usd, story.is_cost_told) == (41, True)
    assert sum(charge.micro_usd for charge in bill.charges) == 41


def test_a_cost_that_nobody_told_is_the_ledgers_own() -> None:
    bill = Bill(lambda model, _input, _output: 7 if model == "m" else 1)
    stories: dict[str, Story] = {}

    fold(stories, [finished(), accepted()], bill)

    (story,) = stories.values()
    assert (story.micro_usd, story.is_cost_told) == (7, False)
    assert sum(charge.micro_usd for charge in bill.charges) == 7
