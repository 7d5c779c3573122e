"""Clients that want their answers whatever breaks: they ask again, read on elsewhere, leave and come back."""

import asyncio
import random
from collections.abc import Sequence

import aiohttp

from contracts.ids import chat_id
from tests.acceptance.asking import CHAT
from tests.faults.counting import body_of
from tests.faults.exchange import FAR, Call, exchange
from tests.faults.history import Ask, Close, History, Part

PATIENCE = 240.0
"""Seconds after which a client gives an ask up."""
PAUSE = 0.5
"""Seconds before a client asks again."""
PASSING = frozenset(
    {"stream_lost", "server_draining", "dependency_down", "overloaded", "idempotency_key_in_progress"}
)
"""Errors that say: ask again."""
REREADERS = 8
"""Streams that are read again at once."""


class Clients:
    """All clients of a run."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        edges: Sequence[str],
        tokens: Sequence[str],
        history: History,
        seed: int,
    ) -> None:
        self._session = session
        self._edges = edges
        self._tokens = tokens
        self._history = history
        self._draw = random.Random(seed)  # noqa: S311  repeatable, not secret
        self.begun = 0
        """Asks so far."""
        self.open = 0
        """Those that are not over."""

    async def ask(self, ask: Ask) -> None:
        """Ask until there is an end, or nothing that may be asked any more."""
        self.begun += 1
        self.open += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._ask(ask)
        except TimeoutError:
            self._history.tell("gave_up", ask=ask.number)
        finally:
            self.open -= 1

    async def reread(self, asks: Sequence[Ask]) -> None:
        """Read every answer once more that can be named: it must be the same."""
        limit = asyncio.Semaphore(REREADERS)
        known = {
            part.ask: part.job_id for part in self._history.parts if part.close is Close.DONE and part.job_id
        }

        async def read(ask: Ask) -> None:
            async with limit:
                call = self._get(ask, known[ask.number], 0, self._draw.randrange(len(self._edges)), "reread")
                self._history.note(await exchange(self._session, call))

        await asyncio.gather(*(read(ask) for ask in asks if ask.number in known))

    async def _ask(self, ask: Ask) -> None:
        edge = self._draw.randrange(len(self._edges))
        call: Call | None = self._post(ask, edge, leaves_after=ask.leaves_after or FAR)
        seen: dict[int, str] = {}
        while call is not None:
            part = await self._exchange(ask, call)
            if part.job_id != call.job_id and call.job_id is not None:
                self._history.tell("other_job", ask=ask.number, was=call.job_id, now=part.job_id)
            seen |= dict(part.chunks)
            call = await self._next(ask, part, seen)

    async def _exchange(self, ask: Ask, call: Call) -> Part:
        if ask.cancels_after is None or call.verb != "post":
            part = await exchange(self._session, call)
        else:
            part = await self._cancelled(ask, call)
        self._history.note(part)
        return part

    async def _cancelled(self, ask: Ask, call: Call) -> Part:
        """A stream that is read, cancelled at another edge in the midst, and read on to its end."""
        begun = Call(**{**vars(call), "leaves_after": ask.cancels_after})
        part = await exchange(self._session, begun)
        if part.close is not Close.LEFT or part.job_id is None:
            return part
        self._history.note(part)
        edge = self._other(call.edge)
        url = f"{self._edges[edge]}/v1/jobs/{part.job_id}/cancel"
        cancel = Call(
            ask.number, "cancel", edge, url, self._headers(ask), {}, is_stream=False, job_id=part.job_id
        )
        self._history.note(await exchange(self._session, cancel))
        return await exchange(self._session, self._get(ask, part.job_id, part.chunks[-1][0] + 1, edge))

    async def _next(self, ask: Ask, part: Part, seen: dict[int, str]) -> Call | None:
        """What to send after this; None when that was all."""
        if part.close is Close.DONE or (part.close is Close.ERROR and part.code not in PASSING):
            return None
        if part.close is not Close.LEFT:
            await asyncio.sleep(PAUSE * (1 + self._draw.random()))
        edge = self._other(part.edge)
        if part.job_id is not None and not (ask.key and self._draw.random() < 0.5):
            return self._get(ask, part.job_id, max(seen) + 1 if seen else 0, edge)
        if ask.key is None and part.close in {Close.CUT, Close.HUNG}:
            return None  # it may have been accepted or not: without a key nobody can tell
        return self._post(ask, edge)

    def _post(self, ask: Ask, edge: int, leaves_after: int = FAR) -> Call:
        return Call(
            ask=ask.number,
            verb="post",
            edge=edge,
            url=self._edges[edge] + CHAT,
            headers=self._headers(ask) | ({"Idempotency-Key": ask.key} if ask.key else {}),
            body=body_of(ask),
            is_stream=ask.is_stream,
            leaves_after=leaves_after,
        )

    def _get(self, ask: Ask, job_id: str, first_seq: int, edge: int, verb: str = "get") -> Call:
        after = f"&starting_after={first_seq - 1}" if first_seq else ""
        query = f"?stream=true{after}" if ask.is_stream else ""
        return Call(
            ask=ask.number,
            verb=verb,
            edge=edge,
            url=f"{self._edges[edge]}{CHAT}/{chat_id(job_id)}{query}",
            headers=self._headers(ask),
            is_stream=ask.is_stream,
            first_seq=first_seq,
            job_id=job_id,
        )

    def _headers(self, ask: Ask) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[ask.tenant]}", "X-On-Disconnect": "detach"}

    def _other(self, edge: int) -> int:
        return (edge + 1) % len(self._edges)
