"""The folder that holds everything of one local stack: data, logs, secrets, state."""

import secrets
from dataclasses import dataclass
from pathlib import Path

PRIVATE_FILE = 0o600
SECRET_BYTES = 24


@dataclass(frozen=True)
class Home:
    """Paths under one root; `cache` may lie outside, as what it holds is the same for every stack."""

    root: Path
    cache: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def data(self, name: str) -> Path:
        """The folder of one server's data, made when it isn't there."""
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def secret(self, name: str) -> str:
        """A random word, made once and kept for the owner's eyes only."""
        file = self.data("secrets") / name
        if not file.exists():
            write_private(file, secrets.token_hex(SECRET_BYTES))
        return file.read_text(encoding="utf-8")


def open_home(root: Path, cache: Path | None = None) -> Home:
    """The home at `root`, made when it isn't there."""
    root = root.absolute()
    home = Home(root, (cache or root / "cache").absolute())
    home.logs.mkdir(parents=True, exist_ok=True)
    home.cache.mkdir(parents=True, exist_ok=True)
    return home


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = file.with_name(file.name + ".draft")
    draft.touch(PRIVATE_FILE)
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
