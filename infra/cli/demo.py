"""`jan demo`: the main job once, with a real model, and what happened on the way."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import aiohttp
import typer
from rich.console import Console
from rich.live import Live

from contracts.events import EVENT, TERMINAL_EVENTS, Claimed, Event, Failed, Finished, FirstFrame
from contracts.ids import job_id_of
from contracts.topics import EVENTS
from infra.bus.tail import read_topic
from infra.cli.stack_home import stack_home
from infra.cli.table import progress_table
from infra.embedded.control import ensure_up
from infra.embedded.server import StackError
from infra.settings import KafkaSettings

ANSWER_LIMIT = 120.0
"""Seconds for the model's answer."""
MODELS_LIMIT = 15.0
"""Seconds for the worker to tell which models its provider offers."""
LOOK_SECONDS = 0.5
LEDGER_LIMIT = 15.0
"""Seconds for the last event to appear in its topic, once the answer is here."""
CLOCK_MARGIN = timedelta(seconds=2)

Prompt = Annotated[str, typer.Argument(help="What to ask the model.")]
Model = Annotated[str | None, typer.Option(help="Which model; the first of /v1/models when not said.")]
MaxTokens = Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")]


def demo(
    prompt: Prompt = "Write two sentences about a river.", *, model: Model = None, max_tokens: MaxTokens = 64
) -> None:
    """Stream an answer of a real model through edge, Kafka, worker and Redis, and show its timeline."""
    home, console = stack_home(), Console()
    with Live(console=console, refresh_per_second=8, transient=True) as live:
        environment = ensure_up(home, lambda state: live.update(progress_table(state)))
    url = f"http://{environment['JAN_EDGE_HOST']}:{environment['JAN_EDGE_PORT']}"
    kafka = KafkaSettings(bootstrap=environment["JAN_KAFKA_BOOTSTRAP"])
    asyncio.run(_show(console, url, kafka, prompt, model, max_tokens))
    console.print(
        f"\nIt goes on running: {url}/api/swagger/index.html, [bold]jan status[/], [bold]jan down[/]"
    )


async def _show(
    console: Console, url: str, kafka: KafkaSettings, prompt: str, model: str | None, max_tokens: int
) -> None:
    began = datetime.now(UTC)
    timeout = aiohttp.ClientTimeout(total=ANSWER_LIMIT)
    async with aiohttp.ClientSession(url, timeout=timeout) as session:
        session.headers["Authorization"] = f"Bearer {await _guest_token(session)}"
        chosen = model or await _first_model(session)
        console.print(f"[dim]{chosen} is asked:[/] {prompt}\n")
        body = {
            "model": chosen,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": max_tokens,
            "stream": True,
        }
        completion_id = await _stream(session, body)
    console.print("\n")
    events = await _events(kafka, job_id_of(completion_id) or "", began - CLOCK_MARGIN)
    for line in _timeline(events):
        console.print(line, highlight=False)


async def _guest_token(session: aiohttp.ClientSession) -> str:
    async with session.post("/llm/auth/guest-login") as answer:
        answer.raise_for_status()
        token: str = (await answer.json())["access_token"]
    return token


async def _first_model(session: aiohttp.ClientSession) -> str:
    """The first model on offer; a worker that has just started is about to tell of its provider's."""
    until = time.monotonic() + MODELS_LIMIT
    while time.monotonic() < until:
        async with session.get("/v1/models") as answer:
            models = (await answer.json())["data"]
        if models:
            first: str = models[0]["id"]
            return first
        await asyncio.sleep(LOOK_SECONDS)
    raise StackError("no model is on offer: see `jan logs completion`")


async def _stream(session: aiohttp.ClientSession, body: dict[str, object]) -> str:
    """Print the answer as it comes; the completion's id."""
    completion_id = ""
    async with session.post("/v1/chat/completions", json=body) as answer:
        if answer.status != HTTPStatus.OK:
            raise StackError(f"the gateway answered {answer.status}: {await answer.text()}")
        async for data in _data(answer):
            chunk = json.loads(data)
            if "error" in chunk:
                raise StackError(chunk["error"]["message"])
            completion_id = chunk["id"]
            for choice in chunk["choices"]:
                sys.stdout.write(choice["delta"].get("content") or "")
                sys.stdout.flush()
    return completion_id


async def _data(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for line in answer.content:
        data = line.removeprefix(b"data: ").strip()
        if line.startswith(b"data: ") and data != b"[DONE]":
            yield data


async def _events(kafka: KafkaSettings, job_id: str, since: datetime) -> list[Event]:
    """The job's events, the terminal one last."""
    events: list[Event] = []
    async with (
        asyncio.timeout(LEDGER_LIMIT),
        aclosing(read_topic(kafka, EVENTS, start=since, forever=True)) as records,
    ):
        async for record in records:
            if record.key == job_id.encode():
                events.append(EVENT.validate_json(record.value))
                if isinstance(events[-1], TERMINAL_EVENTS):
                    break
    return events


def _timeline(events: list[Event]) -> list[str]:
    """Each event with the seconds since the job was asked for."""
    asked = min((event.asked_at for event in events if isinstance(event, Claimed)), default=events[0].at)
    lines = [_line("queued", 0.0, "durable in Kafka, then answered")]
    for event in events:
        seconds = (event.at - asked).total_seconds()
        match event:
            case Claimed():
                lines.append(_line("claimed", seconds, f"by {event.worker}, attempt {event.attempt}"))
            case FirstFrame():
                lines.append(_line("first token", seconds, ""))
            case Finished():
                lines.append(_line("done", seconds, _ending(event)))
            case Failed():
                lines.append(_line("failed", seconds, event.error.message))
            case _:
                continue
    return lines


def _ending(event: Finished) -> str:
    usage = event.usage
    tokens = f"{usage.input_tokens} tokens in, {usage.output_tokens} out, " if usage else ""
    return f"{tokens}finish reason {event.finish_reason}"


def _line(name: str, seconds: float, about: str) -> str:
    return f"[bold]{name:<12}[/][dim]{seconds:8.3f} s[/]  {about}"
