"""python_exec."""

from contracts.errors import ApiError
from contracts.tools.python import PYTHON_EXEC, PythonArguments, PythonResult
from contracts.tools.spec import ToolProgress, ToolResult
from infra.settings import SandboxSettings
from workers.tool.core.arguments import read_arguments
from workers.tool.ports import Call, ToolFailed
from workers.tool.python.artifacts import Artifacts
from workers.tool.python.ports import Files, Outcome, Program, Sandbox
from workers.tool.python.sessions import Session, Sessions, TooLargeSession

UNAPPROVED = (
    "This server runs programs only when their user has approved the call: "
    "ask the user, and have the client repeat the call with its approval"
)


class PythonExec:
    """Runs programs; what they print and leave is the result."""

    spec = PYTHON_EXEC

    def __init__(
        self, settings: SandboxSettings, sandbox: Sandbox, sessions: Sessions, artifacts: Artifacts
    ) -> None:
        self._settings = settings
        self._sandbox = sandbox
        self._sessions = sessions
        self._artifacts = artifacts

    @property
    def off_reason(self) -> str | None:
        """Why no program can be run here."""
        return self._sandbox.off_reason

    @property
    def level(self) -> str:
        """How programs are kept apart: `full`, `no-cgroup`, `remote` or `disabled`."""
        return self._sandbox.level

    async def call(self, call: Call) -> ToolResult:
        """Run a program. That it fails is no failure of the tool: a model is to read what it printed, as
        with the Go server, and `is_error` would have clients drop that."""
        if self.off_reason is not None:
            raise ToolFailed(self.off_reason)
        asked = read_arguments(PythonArguments, call.arguments)
        if self._settings.needs_approval and not call.approved:
            raise ToolFailed(UNAPPROVED)
        call.tell(ToolProgress(progress=0, message="The program runs, or waits for its turn"))
        if asked.session_id is None:
            outcome = await self._sandbox.run(Program(asked.code))
            return await self._told(call, outcome, outcome.files, None, None)
        async with self._sessions.held(call, asked.session_id) as session:
            return await self._continued(call, asked.code, asked.session_id, session)

    async def _continued(self, call: Call, code: str, session_id: str, session: Session) -> ToolResult:
        before = session.files or {}
        outcome = await self._sandbox.run(Program(code, before, keeps_all=True))
        lost = await self._keep(call, session_id, session, outcome)
        fresh = {name: body for name, body in outcome.files.items() if before.get(name) != body}
        return await self._told(call, outcome, fresh, session_id, lost)

    async def _keep(self, call: Call, session_id: str, session: Session, outcome: Outcome) -> str | None:
        """Keep the files of a session; why they were not. A program that was ended may have told of none."""
        if outcome.exit_code is None and not outcome.files:
            return None
        try:
            await self._sessions.keep(call, session_id, outcome.files)
        except TooLargeSession:
            most = f"{self._settings.session_bytes:,} bytes"
            return f"The session's files pass {most}: it has those of the call before"
        except ApiError as error:
            return f"The session's files could not be kept: {error}"
        session.files = outcome.files
        return None

    async def _told(
        self, call: Call, outcome: Outcome, files: Files, session_id: str | None, lost: str | None
    ) -> ToolResult:
        artifacts, unkept = await self._artifacts.keep(call, files)
        errors = [error for error in (outcome.error, lost, unkept) if error]
        return ToolResult.of(
            PythonResult(
                stdout=outcome.stdout,
                stderr=outcome.stderr,
                exit_code=outcome.exit_code,
                status=outcome.status,
                duration_ms=round(outcome.seconds * 1000),
                session_id=session_id,
                artifacts=artifacts,
                is_truncated=outcome.is_truncated,
                error="; ".join(errors) or None,
            )
        )
