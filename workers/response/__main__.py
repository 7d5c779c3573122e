"""Lets responses go on until told to stop. Run it as `python -m workers.response`."""

from pydantic import TypeAdapter

from contracts.jobs import ResponseEnvelope
from contracts.topics import RESPONSE
from infra.process import run_process
from infra.relay.placed import PlacedLogs
from infra.settings import Settings, read_settings
from workers.response.due import FORGET_EVERY, DueResponses
from workers.response.handler import ResponseMeans, ResponseWork
from workers.response.keeping import Afterwards
from workers.response.limiting import Turns, open_turns
from workers.response.relaying import Relaying
from workers.response.sending import Sending
from workers.runtime.reading import Reading
from workers.runtime.rounds import Rounds, kept_up
from workers.runtime.tools import Tools, open_tools
from workers.runtime.words import consume_words

SERVICE = "worker-response"
LOOK_SECONDS = 5.0
"""After which it is looked again: what is asked for meanwhile may be due before the next that is known."""


async def work(settings: Settings) -> None:
    """Until SIGTERM; steps that are being taken end."""
    async with (
        open_tools(settings, SERVICE) as tools,
        open_turns(tools.redis, settings) as turns,
    ):
        room = _room(tools, turns)
        due = DueResponses(tools.database, room.step)
        looking = Rounds("responses_not_looked_at", due.look_at_next, due.due_at, longest_wait=LOOK_SECONDS)
        longest = FORGET_EVERY.total_seconds()
        forgetting = Rounds("responses_not_forgotten", due.forget_some, due.forget_at, longest_wait=longest)
        async with kept_up(looking.keep), kept_up(forgetting.keep):
            await consume_words(tools, RESPONSE, room)


def _room(tools: Tools, turns: Turns) -> ResponseWork:
    relaying = Relaying(tools.redis, tools.settings.relay.retention)
    logs = PlacedLogs(tools.line, tools.settings.relay.retention)
    means = ResponseMeans(
        worker=tools.name,
        database=tools.database,
        looks=relaying,
        sending=Sending(tools.database, tools.producer, logs, relaying, tools.failpoints),
        afterwards=Afterwards(tools.producer),
        turns=turns,
        metrics=tools.metrics,
        failpoints=tools.failpoints,
    )
    return ResponseWork(Reading(TypeAdapter(ResponseEnvelope), tools.settings.worker), means)


if __name__ == "__main__":
    run_process(work(read_settings("workers.response")))
