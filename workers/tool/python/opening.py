"""Opens python_exec, with the sandbox that there is."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from infra.database import Database
from infra.objects import ObjectStore
from infra.settings import MediaSettings, SandboxSettings
from workers.tool.ports import ToolFailed
from workers.tool.python.artifacts import Artifacts
from workers.tool.python.bubblewrap import open_bubblewrap
from workers.tool.python.fusion import open_fusion
from workers.tool.python.layout import NoSandbox
from workers.tool.python.ports import Outcome, Program, Sandbox
from workers.tool.python.sessions import Sessions, swept
from workers.tool.python.tool import PythonExec

SWEEP_SECONDS = 60.0

log = logging.getLogger(__name__)


class NoneHere:
    """Where no program can be run: never outside of a sandbox."""

    level = "disabled"

    def __init__(self, why: str) -> None:
        self.off_reason = why

    async def run(self, program: Program) -> Outcome:  # noqa: ARG002
        """Raises ToolFailed."""
        raise ToolFailed(self.off_reason)


@asynccontextmanager
async def open_python(
    settings: SandboxSettings, media: MediaSettings, database: Database, objects: ObjectStore
) -> AsyncIterator[PythonExec]:
    """python_exec, which has tried its sandbox; nothing of it is left at the end."""
    sessions = Sessions(settings, database, objects)
    async with open_sandbox(settings) as sandbox, swept(sessions, SWEEP_SECONDS):
        yield PythonExec(settings, sandbox, sessions, Artifacts(settings, media, database, objects))


@asynccontextmanager
async def open_sandbox(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """The sandbox of the settings, or one that says why there is none."""
    async with AsyncExitStack() as opened:
        sandbox: Sandbox
        try:
            sandbox = await _chosen(settings, opened)
        except NoSandbox as error:
            sandbox = NoneHere(f"No program can be run on this server: {error}")
        log.info("sandbox_level", extra={"level": sandbox.level, "reason": sandbox.off_reason})
        yield sandbox


async def _chosen(settings: SandboxSettings, opened: AsyncExitStack) -> Sandbox:
    """Raises NoSandbox."""
    if settings.kind == "off":
        raise NoSandbox("its operator has turned that off (JAN_SANDBOX_KIND)")
    if settings.kind == "fusion" or (settings.kind == "auto" and settings.fusion_url is not None):
        if settings.fusion_url is None:
            raise NoSandbox("the address of a SandboxFusion is not given (JAN_SANDBOX_FUSION_URL)")
        return await opened.enter_async_context(open_fusion(settings, settings.fusion_url))
    return await opened.enter_async_context(open_bubblewrap(settings))
