"""What a running stack says about itself: one file in its home, which the supervisor writes."""

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from infra.embedded.home import write_private

SAME_PROCESS = 0.05
"""Seconds by which two readings of one process's start may differ."""


class Phase(StrEnum):
    """How far a part or the whole stack is."""

    WAITING = "waiting"
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DONE = "done"
    GIVEN = "given"


class Identity(BaseModel):
    """A process: pids are used again, so the time of its start belongs to its name."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The process, while it lives."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < SAME_PROCESS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class PartState(BaseModel):
    """One part of the stack."""

    model_config = ConfigDict(frozen=True)

    name: str
    phase: Phase = Phase.WAITING
    identity: Identity | None = None
    stop_signal: int = 15
    address: str = ""
    healthy: bool = False
    began: float | None = None
    """Wall-clock time at which the running process was started."""
    prepare_seconds: float | None = None
    start_seconds: float | None = None
    restarts: int = 0
    note: str = ""
    progress: str = ""
    error: str = ""


class StackState(BaseModel):
    """The whole stack."""

    model_config = ConfigDict(frozen=True)

    supervisor: Identity
    phase: Phase = Phase.STARTING
    began: float
    ready_seconds: float | None = None
    """From the supervisor's first line to readiness."""
    parts: dict[str, PartState] = {}
    environment: dict[str, str] = {}
    """The settings that lead to its parts; with secrets, so the file is its owner's alone."""
    error: str = ""

    @property
    def is_alive(self) -> bool:
        return self.supervisor.process() is not None


class StateFile:
    """The supervisor's pen: each change is on disk before the next."""

    def __init__(self, file: Path) -> None:
        me = psutil.Process()
        self._file = file
        self.state = StackState(
            supervisor=Identity(pid=me.pid, created=me.create_time()), began=me.create_time()
        )

    def set_stack(self, change: Callable[[StackState], StackState]) -> None:
        """Change the whole."""
        self.state = change(self.state)
        write_private(self._file, self.state.model_dump_json(indent=1))

    def set_part(self, name: str, **change: object) -> None:
        """Change fields of one part."""
        part = self.state.parts.get(name) or PartState(name=name)
        parts = {**self.state.parts, name: part.model_copy(update=change)}
        self.set_stack(lambda state: state.model_copy(update={"parts": parts}))

    def seconds(self) -> float:
        """Since the supervisor's process began."""
        return time.time() - self.state.began


def read_state(file: Path) -> StackState | None:
    """The last state that was written; None when there is none that this version can read."""
    try:
        return StackState.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
