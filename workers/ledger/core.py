"""What an event adds to a job's story.

Within a partition the events of a job come in the order in which its edge and its workers sent them; the
edge's `accepted` may come after a worker's `claimed`. The first end of a job counts, and the first after each
redrive: ends that are told again, and whatever a stale attempt tells, change nothing.
"""

from collections.abc import Iterable
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
from contracts.story import Story
from contracts.wire.jobs import JobState, TimelineEntry

MOST_ENTRIES = 200
"""Events of one job that are kept one by one; a job that is tried for ever must not grow a row for ever."""


def fold(stories: dict[str, Story], events: Iterable[Event]) -> set[str]:
    """Add events to the stories of their jobs, in place, beginning those that are new.

    Returns the jobs that changed.
    """
    changed = set()
    for event in events:
        story = stories.get(event.job_id)
        if story is None:
            story = stories[event.job_id] = Story(job_id=event.job_id, tenant=event.tenant)
        if _tell(story, event):
            changed.add(event.job_id)
    return changed


def _tell(story: Story, event: Event) -> bool:
    """Whether the event says something new."""
    if not _is_news(story, event):
        return False
    match event:
        case Accepted():
            _accepted(story, event)
        case Redriven():
            _redriven(story, event)
        case Claimed() | FirstFrame() | HandedBack() | Postponed():
            _moved(story, event)
        case Finished() | Failed() | Cancelled():
            _ended(story, event)
        case _:
            assert_never(event)
    if len(story.timeline) < MOST_ENTRIES:
        story.timeline.append(_entry(event))
    return True


def _is_news(story: Story, event: Event) -> bool:
    if isinstance(event, Accepted):
        return story.accepted_at is None
    if isinstance(event, Redriven):
        return event.redrive > story.redrives
    return story.ended_at is None


def _accepted(story: Story, event: Accepted) -> None:
    story.kind, story.lane, story.model = event.kind, event.lane.value, event.model
    story.user_id, story.request_id = event.user_id, event.request_id
    story.accepted_at, story.deadline = event.at, event.deadline


def _redriven(story: Story, event: Redriven) -> None:
    story.redrives = event.redrive
    story.state = JobState.QUEUED
    story.ended_at = story.error = story.finish_reason = story.first_frame_at = None
    _count(story, None)


def _moved(story: Story, event: Claimed | FirstFrame | HandedBack | Postponed) -> None:
    if event.attempt < story.attempts:
        return
    story.attempts = event.attempt
    story.postponed_until = None
    match event:
        case Claimed():
            story.state, story.worker = JobState.RUNNING, event.worker
            story.claimed_at = story.claimed_at or event.at
        case FirstFrame():
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
            story.state, story.finish_reason = JobState.FINISHED, event.finish_reason
            story.model = story.model or event.model
        case Failed():
            story.state, story.error = JobState.FAILED, event.error
        case Cancelled():
            story.state = JobState.CANCELLED
        case _:
            assert_never(event)


def _count(story: Story, usage: Usage | None) -> None:
    story.input_tokens = usage and usage.input_tokens
    story.output_tokens = usage and usage.output_tokens
    story.cached_tokens = usage and usage.cached_tokens
    story.reasoning_tokens = usage and usage.reasoning_tokens
    story.usage_estimated = usage and usage.estimated


def _entry(event: Event) -> TimelineEntry:
    return TimelineEntry(
        type=event.type,
        at=event.at,
        attempt=getattr(event, "attempt", None),
        worker=event.worker if isinstance(event, Claimed) else None,
        detail=event.error.code if isinstance(event, Failed | Postponed) else None,
    )
