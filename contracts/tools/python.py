"""python_exec: a program, run in a sandbox."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from contracts.base import Message
from contracts.tools.spec import ToolSpec, schema_of

MOST_CODE = 256 * 1024
"""Characters of a program."""


class PythonArguments(Message):
    """A program."""

    code: str = Field(
        min_length=1, max_length=MOST_CODE, description="The program; what it prints is returned"
    )
    language: Literal["python"] = Field("python", description="Its language")
    session_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Calls with the same session share their files; each is a process of its own",
    )
    approved: bool = Field(
        default=False, description="Whether its user allows this very call, where the deployment wants that"
    )


class RunStatus(StrEnum):
    """How a program ended."""

    OK = "ok"
    ERROR = "error"
    """With an exit code of its own."""
    TIMEOUT = "timeout"
    OOM = "oom"
    """It wanted more memory than it may have."""
    KILLED = "killed"
    OUTPUT_LIMIT = "output_limit"


class Artifact(Message):
    """A file that the program left."""

    name: str
    id: str
    """As media: GET /v1/media/{id}/content."""
    url: str | None = None
    size: int
    mime: str


class PythonResult(Message):
    """What a program did."""

    stdout: str
    stderr: str
    exit_code: int | None
    status: RunStatus
    duration_ms: int
    session_id: str | None
    artifacts: list[Artifact] = Field(default_factory=list)
    is_truncated: bool = False
    """Whether it printed more than is passed on."""
    error: str | None = None
    """In one sentence, where it did not end well."""


PYTHON_EXEC = ToolSpec(
    name="python_exec",
    title="Run Python",
    description="Run a Python program in a sandbox without network. Returns what it prints; files that it "
    "writes to its working folder are kept as media.",
    input_schema=schema_of(PythonArguments),
    output_schema=schema_of(PythonResult),
)
