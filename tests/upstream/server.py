"""A scripted provider: OpenAI's wire over real sockets, every way to misbehave, a memory of its requests.

    async with open_upstream() as upstream:                   # upstream.url is what JAN_PROVIDER_URL takes
        upstream.always(Script(tokens=100, gap=0.01))         # how it answers from now on
        upstream.next(Script(status=503), Script(tokens=3))   # the next two answers, before that
        upstream.models["weak"] = Script(fault="reset", after=2)   # by the model's name
        ...
        request = await upstream.asked()                      # the first chat completion, waiting for it
        request.json, request.headers, request.sent           # what was asked, how many payloads are written
        request.release()                                     # go on past Script(hold=3): no test sleeps
        await request.gone()                                  # the client closed its connection

A model's name can carry a script itself: `any?tokens=30&gap=0.1&fault=close&after=7`; so it works from
another process, too: `python -m tests.upstream --port 8099`. The text is always the same, `t0 t1 t2 ...`, see
`wire.text(script)`. `tests.upstream.script` describes the fields of a script. Asked at `/v1/messages`, it
answers in Anthropic's wire.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from tests.upstream import anthropic, texts, vectors, wire
from tests.upstream.anthropic_rules import complaint
from tests.upstream.connection import Connection
from tests.upstream.play import answer, play
from tests.upstream.request import LIMIT, Request
from tests.upstream.script import Script

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
ASKED = frozenset({CHAT, anthropic.PATH, texts.PATH, vectors.PATH})

Choose = Callable[[dict[str, Any]], Script]
"""Says how a body is answered."""


class Upstream:
    """The provider: its scripts, and the requests that it got."""

    def __init__(self, host: str, port: int) -> None:
        self.requests: list[Request] = []
        self.models: dict[str, Script] = {}
        """Scripts by the model's name."""
        self.listed: list[str] = ["scripted"]
        """What /v1/models lists."""
        self._host = host
        self._port = port
        self._default = Script()
        self._choose: Choose | None = None
        self._queue: deque[Script] = deque()
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._arrived = asyncio.Event()

    @property
    def url(self) -> str:
        """The base of its API, as JAN_PROVIDER_URL takes it."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def chats(self) -> list[Request]:
        """The chat completions that it was asked for, in order."""
        return [request for request in self.requests if request.path in ASKED]

    @property
    def open_connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections)

    def always(self, script: Script) -> None:
        """Answer like this from now on."""
        self._default = script

    def by(self, choose: "Choose") -> None:
        """Answer as each request asks for from now on."""
        self._choose = choose

    def next(self, *scripts: Script) -> None:
        """Answer the next requests like this."""
        self._queue.extend(scripts)

    async def asked(self, count: int = 1) -> Request:
        """The `count`th chat completion that it is asked for, waiting for it."""
        async with asyncio.timeout(LIMIT):
            while len(self.chats) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.chats[count - 1]

    async def accept(self) -> None:
        """Listen, always on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connect, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Stop listening, and reset what is connected: from now on connections are refused."""
        if self._server:
            self._server.close()
        for connection in list(self._connections):
            connection.reset()

    async def close(self) -> None:
        """Stop; raises what went wrong inside, so that no test passes over it."""
        self.refuse()
        results = await asyncio.gather(*self._answers, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _connect(self) -> Connection:
        self._accepted += 1
        connection = Connection(self._accepted, self._begin, self._connections.discard)
        self._connections.add(connection)
        return connection

    def _begin(self, connection: Connection, request: Request) -> asyncio.Task[None]:
        task = asyncio.create_task(self._answer(connection, request))
        self._answers.add(task)
        task.add_done_callback(lambda task: self._forget(task, connection))
        return task

    def _forget(self, task: asyncio.Task[None], connection: Connection) -> None:
        """Failed ones are kept, for `close` to raise."""
        if task.cancelled() or task.exception() is None:
            self._answers.discard(task)
        else:
            connection.reset()

    async def _answer(self, connection: Connection, request: Request) -> None:
        self.requests.append(request)
        self._arrived.set()
        match request.path.partition("?")[0]:
            case "/v1/chat/completions":
                await play(connection, request, self._script_for(request), wire)
            case texts.PATH:
                await play(connection, request, self._script_for(request), texts)
            case vectors.PATH:
                await play(connection, request, self._script_for(request), vectors)
            case anthropic.PATH:
                await play(connection, request, self._anthropic_script(request), anthropic)
            case "/v1/models":
                await answer(connection, Script(), self._models(request))
            case _:
                await answer(connection, Script(status=404), wire.error(404, f"no route {request.path}"))
        connection.answered()

    def _models(self, request: Request) -> bytes:
        if not anthropic.is_asked(request):
            return wire.models(self.listed)
        return anthropic.models(self.listed, dict(parse_qsl(request.path.partition("?")[2])))

    def _anthropic_script(self, request: Request) -> Script:
        """As the script says, or the refusal of a request that Anthropic would refuse."""
        wrong = complaint(request)
        if wrong is None:
            return self._script_for(request)
        return Script(status=400, body=anthropic.error("invalid_request_error", wrong))

    def _script_for(self, request: Request) -> Script:
        model = str(request.json.get("model"))
        if self._queue:
            return self._queue.popleft()
        if self._choose is not None:
            return self._choose(request.json)
        return self.models.get(model) or Script.named(model, self._default)


@asynccontextmanager
async def open_upstream(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Upstream]:
    """A provider that listens, on a free port unless one is given, until the block ends."""
    upstream = Upstream(host, port)
    await upstream.accept()
    try:
        yield upstream
    finally:
        await upstream.close()
