"""A headless Chromium, driven over its DevTools protocol (chromedevtools.github.io/devtools-protocol)."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1200,1600", "--remote-debugging-port=0"),
)
START_LIMIT = 30.0
ANSWER_LIMIT = 60.0
STOP_LIMIT = 10.0
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")

Json = dict[str, Any]  # the protocol's messages


class Page:
    """One page. What the browser complains of is kept in `complaints`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._session: str | None = None
        self._last = 0
        self._url = ""
        self._loaded: set[str] = set()

    async def open(self, url: str) -> None:
        """Go there, in a new page the first time, and wait until it has loaded."""
        if self._session is None:
            target = await self._ask("Target.createTarget", {"url": "about:blank"})
            attach = {"targetId": target["targetId"], "flatten": True}
            self._session = (await self._ask("Target.attachToTarget", attach))["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                await self._ask(f"{domain}.enable", {})
            await self._ask("Page.setLifecycleEventsEnabled", {"enabled": True})
        self._url = url
        loader = (await self._ask("Page.navigate", {"url": url}))["loaderId"]
        async with asyncio.timeout(ANSWER_LIMIT):
            while loader not in self._loaded:
                self._note(await self._socket.receive_json())

    async def reopen(self) -> None:
        """Go to the same address again; what the page kept in memory is gone."""
        await self.open(self._url)

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = await self._ask("Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition: str) -> Any:
        """The text that an expression gives, or just True, once it is true of the page."""
        script = f"""new Promise((resolve) => {{
          const look = () => {{
            const seen = {condition};
            seen ? resolve(typeof seen === "string" ? seen : true) : setTimeout(look, 20);
          }};
          look();
        }})"""
        return await self.run(script)

    async def _ask(self, method: str, parameters: Json) -> Json:
        self._last += 1
        asked: Json = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            asked["sessionId"] = self._session
        await self._socket.send_json(asked)
        async with asyncio.timeout(ANSWER_LIMIT):
            while True:
                told = await self._socket.receive_json()
                if told.get("id") == self._last:
                    assert "error" not in told, told
                    result: Json = told["result"]
                    return result
                self._note(told)

    def _note(self, told: Json) -> None:
        match told:
            case {"method": "Page.lifecycleEvent", "params": {"name": "load", "loaderId": str(loader)}}:
                self._loaded.add(loader)
            case {"method": "Log.entryAdded", "params": {"entry": {"level": "error", "text": text}}}:
                self.complaints.append(text)
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.complaints.append(str(details))


@asynccontextmanager
async def open_browser(home: Path) -> AsyncIterator[Page]:
    """A browser with an empty profile, ended with the block."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={home}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        url = await _address(process)
        async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=0) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        async with asyncio.timeout(STOP_LIMIT):
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(START_LIMIT):
        while line := await process.stderr.readline():
            if found := _LISTENING.search(line.decode(errors="replace")):
                return found[1]
    raise ConnectionError("the browser ended before it listened")
