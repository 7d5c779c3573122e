"""Agents of OpenAI's Agents SDK, whose model is ours: asked by responses, with functions of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agents import (
    Agent,
    ModelSettings,
    OpenAIConversationsSession,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    SQLiteSession,
    WebSearchTool,
    function_tool,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

from tests.engines.server import Engines
from tests.upstream.server import Upstream
from tests.upstream.turns import Json, calls, says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker")]

QUIET = RunConfig(tracing_disabled=True)
"""Its traces go to OpenAI otherwise."""


class Forecast(BaseModel):
    """A structured output."""

    city: str
    celsius: int


class Weather:
    """A function, and with which cities it was called."""

    def __init__(self) -> None:
        self.cities: list[str] = []

    async def of(self, city: str) -> str:
        """The weather of a city."""
        self.cities.append(city)
        return f"{city}: sun"


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def model(sdk: AsyncOpenAI) -> OpenAIResponsesModel:
    return OpenAIResponsesModel("scripted", sdk)


@pytest.fixture
def own_session(tmp_path: Path) -> Iterator[SQLiteSession]:
    kept = SQLiteSession("one", tmp_path / "session.db")
    yield kept
    kept.close()


def told(upstream: Upstream, at: int = -1) -> list[Json]:
    """The messages of a chat that the provider was asked for."""
    messages: list[Json] = upstream.chats[at].json["messages"]
    return messages


def asks_for(*cities: str) -> tuple[tuple[str, Json], ...]:
    return tuple(("weather", {"city": city}) for city in cities)


async def test_an_agent_calls_its_functions_side_by_side_until_it_knows(
    model: OpenAIResponsesModel, upstream: Upstream, weather: Weather
) -> None:
    upstream.next(calls(*asks_for("Oslo", "Rome")))
    upstream.next(calls(*asks_for("Lima")))
    upstream.next(says("All", " sunny"))
    agent = Agent(
        name="Meteorologist",
        instructions="Be brief.",
        model=model,
        tools=[function_tool(weather.of, name_override="weather")],
        model_settings=ModelSettings(parallel_tool_calls=True, temperature=0.1),
    )

    result = await Runner.run(agent, "How is the weather?", run_config=QUIET)

    assert result.final_output == "All sunny"
    assert sorted(weather.cities) == ["Lima", "Oslo", "Rome"]
    last = told(upstream)
    assert last[0] == {"role": "system", "content": "Be brief."}
    assert [one["content"] for one in last if one["role"] == "tool"] == [
        *("Oslo: sun", "Rome: sun", "Lima: sun"),
    ]
    assert upstream.chats[0].json["parallel_tool_calls"] is True
    assert result.context_wrapper.usage.requests == 3
    assert result.context_wrapper.usage.total_tokens == 3 * 14


async def test_a_streamed_run_tells_its_pieces_and_its_calls(
    model: OpenAIResponsesModel, upstream: Upstream, weather: Weather
) -> None:
    upstream.next(calls(*asks_for("Oslo")))
    upstream.next(says("Sun", "ny"))
    agent = Agent(name="A", model=model, tools=[function_tool(weather.of, name_override="weather")])

    result = Runner.run_streamed(agent, "Weather?", run_config=QUIET)
    events = [event async for event in result.stream_events()]

    deltas = [
        event.data.delta
        for event in events
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
    ]
    items = [event.item.type for event in events if event.type == "run_item_stream_event"]
    assert deltas == ["Sun", "ny"]
    assert items == ["tool_call_item", "tool_call_output_item", "message_output_item"]
    assert result.final_output == "Sunny"


@pytest.mark.usefixtures("tool_worker")
async def test_our_search_and_its_function_work_in_one_agent(
    model: OpenAIResponsesModel, upstream: Upstream, engines: Engines, weather: Weather
) -> None:
    upstream.next(calls(("google_search", {"q": "where is it warm"})))
    upstream.next(calls(*asks_for("Lima")))
    upstream.next(says("Lima"))
    own = function_tool(weather.of, name_override="weather")
    agent = Agent(name="A", model=model, tools=[WebSearchTool(), own])

    result = await Runner.run(agent, "Where is it warm?", run_config=QUIET)

    assert result.final_output == "Lima"
    assert weather.cities == ["Lima"]
    assert len(engines.requests) == 1
    assert [item.type for item in result.new_items] == [
        *("tool_call_item", "tool_call_item", "tool_call_output_item", "message_output_item"),
    ]


async def test_an_agent_hands_over_to_another(model: OpenAIResponsesModel, upstream: Upstream) -> None:
    upstream.next(calls(("transfer_to_spanish", {})))
    upstream.next(says("Hola"))
    spanish = Agent(name="Spanish", instructions="Speak Spanish.", model=model)
    triage = Agent(name="Triage", instructions="Hand over.", model=model, handoffs=[spanish])

    result = await Runner.run(triage, "Hola?", run_config=QUIET)

    assert (result.last_agent.name, result.final_output) == ("Spanish", "Hola")
    assert told(upstream)[0] == {"role": "system", "content": "Speak Spanish."}


async def test_an_output_of_a_type_is_parsed(model: OpenAIResponsesModel, upstream: Upstream) -> None:
    upstream.next(says('{"city": "Oslo",', ' "celsius": -3}'))
    agent = Agent(name="A", model=model, output_type=Forecast)

    result = await Runner.run(agent, "Oslo?", run_config=QUIET)

    assert result.final_output == Forecast(city="Oslo", celsius=-3)
    asked = upstream.chats[-1].json["response_format"]
    assert asked["json_schema"]["schema"]["required"] == ["city", "celsius"]


async def test_runs_go_on_by_the_response_before(
    model: OpenAIResponsesModel, upstream: Upstream, weather: Weather
) -> None:
    upstream.next(calls(*asks_for("Oslo")))
    upstream.next(says("Sunny"))
    upstream.next(says("As I said"))
    agent = Agent(name="A", model=model, tools=[function_tool(weather.of, name_override="weather")])

    first = await Runner.run(agent, "Weather?", run_config=QUIET, auto_previous_response_id=True)
    again = await Runner.run(agent, "Sure?", run_config=QUIET, previous_response_id=first.last_response_id)

    assert again.final_output == "As I said"
    assert [one["role"] for one in told(upstream)] == ["user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize("kind", ["its own", "our conversation"])
async def test_a_session_remembers(
    sdk: AsyncOpenAI,
    model: OpenAIResponsesModel,
    upstream: Upstream,
    weather: Weather,
    own_session: SQLiteSession,
    kind: str,
) -> None:
    upstream.next(calls(*asks_for("Oslo")))
    upstream.next(says("Sunny"))
    upstream.next(says("Still"))
    agent = Agent(name="A", model=model, tools=[function_tool(weather.of, name_override="weather")])
    ours = OpenAIConversationsSession(openai_client=sdk)
    session = own_session if kind == "its own" else ours

    await Runner.run(agent, "Weather?", session=session, run_config=QUIET)
    await Runner.run(agent, "And now?", session=session, run_config=QUIET)

    assert [one["role"] for one in told(upstream)] == ["user", "assistant", "tool", "assistant", "user"]
    kept = [str(item.get("type", "message")) for item in await session.get_items()]
    assert kept == ["message", "function_call", "function_call_output", "message", "message", "message"]
