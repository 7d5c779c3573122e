"""`jan job show`: the ledger's row for a person, and for a program."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import typer

from contracts.errors import ApiError, ErrorCode
from contracts.ids import chat_id, new_ulid
from contracts.story import Entry, Story
from contracts.wire.jobs import JobState
from infra.database import open_database
from infra.embedded.server import StackError
from infra.store.jobs import save_stories
from tests.conftest import run
from tests.infra.cli.conftest import Terminal

pytestmark = pytest.mark.stack

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def keep(terminal: Terminal, *stories: Story) -> None:
    async def save() -> None:
        async with open_database(terminal.database) as database, database.begin() as session:
            await save_stories(session, stories)

    run(save())


def entry(kind: str, seconds: float, attempt: int | None = None, worker: str | None = None) -> Entry:
    return Entry(kind, NOON + timedelta(seconds=seconds), attempt, worker)


def finished() -> Story:
    return Story(
        job_id=new_ulid(),
        tenant="t1",
        kind="completion",
        lane="flex",
        model="small",
        state=JobState.FINISHED,
        attempts=2,
        accepted_at=NOON,
        ended_at=NOON + timedelta(seconds=3),
        finish_reason="stop",
        input_tokens=12,
        output_tokens=34,
        timeline=[
            entry("accepted", 0),
            entry("claimed", 0.25, attempt=2, worker="w1"),
            entry("finished", 3),
        ],
    )


def test_a_job_is_shown_with_its_numbers_and_its_timeline(terminal: Terminal) -> None:
    story = finished()
    keep(terminal, story)

    for name in (story.job_id, chat_id(story.job_id)):
        said = terminal.jan("job", "show", name)

        assert said.exit_code == 0, said.output
        for words in ("finished", "completion, lane flex", "small", "12 tokens in, 34 out", story.job_id):
            assert words in said.stdout
        assert "claimed          0.250 s  attempt 2, by w1" in said.stdout


def test_a_job_is_printed_as_json(terminal: Terminal) -> None:
    story = finished()
    keep(terminal, story)

    said = terminal.jan("job", "show", story.job_id, "--json")

    told = json.loads(said.stdout)
    assert (told["id"], told["tenant"], told["state"]) == (story.job_id, "t1", "finished")
    assert told["usage"]["output_tokens"] == 34
    assert [one["type"] for one in told["timeline"]] == ["accepted", "claimed", "finished"]


def test_a_queued_job_says_how_many_are_ahead_of_it(terminal: Terminal) -> None:
    stories = [Story(job_id=new_ulid(), tenant="t1", kind="completion", lane="batch") for _ in range(3)]
    keep(terminal, *stories)

    said = terminal.jan("job", "show", stories[-1].job_id, "--json")

    assert json.loads(said.stdout)["queue_position"] == 2


def test_words_of_strangers_steer_no_terminal(terminal: Terminal) -> None:
    error = ApiError(ErrorCode.PROVIDER_ERROR, "[red]boo[/] \x1b[2J").detail
    story = replace(finished(), state=JobState.FAILED, error=error)
    keep(terminal, story)

    said = terminal.jan("job", "show", story.job_id)

    assert "provider_error: [red]boo[/] \\x1b[2J" in said.stdout


def test_an_unknown_job_and_what_is_no_id_are_told_apart(terminal: Terminal) -> None:
    unknown = terminal.jan("job", "show", new_ulid())
    wrong = terminal.jan("job", "show", "chatcmpl-oops")

    assert isinstance(unknown.exception, StackError)
    assert "knows no job" in str(unknown.exception)
    assert wrong.exit_code == typer.BadParameter.exit_code
