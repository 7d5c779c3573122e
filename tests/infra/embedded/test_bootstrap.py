"""The bootstrap passes pip's settings on and installs only what the locks name."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.embedded import bootstrap


def test_uv_is_installed_with_its_hashes() -> None:
    requirement = bootstrap.pinned(bootstrap.TEST_LOCK, "uv")

    first, *hashes = requirement.splitlines()
    assert first.startswith("uv==")
    assert hashes
    assert all(line.strip().startswith("--hash=sha256:") for line in hashes)
    assert not requirement.endswith("\\")


def test_pips_index_and_folders_become_uvs(tmp_path: Path) -> None:
    pip = {
        "index-url": "https://mirror/simple",
        "find-links": f"{tmp_path} /nowhere",
        "trusted-host": "mirror",
    }

    assert bootstrap.uv_options(pip) == [
        "--default-index",
        "https://mirror/simple",
        "--allow-insecure-host",
        "mirror",
        "--find-links",
        str(tmp_path),
    ]


def test_pips_settings_come_from_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    machines_own = Path(sys.base_prefix) / "bin" / "python3"  # the tests' environment may have no pip
    monkeypatch.setattr(sys, "executable", str(machines_own))
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror/simple")

    assert bootstrap.pip_settings()["index-url"] == "https://mirror/simple"


def test_a_certificate_that_uv_has_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/own.pem")

    assert bootstrap.uv_environment({"cert": "/pips.pem"})["SSL_CERT_FILE"] == "/own.pem"


def test_an_unknown_command_shows_the_known_ones() -> None:
    said = subprocess.run(
        [sys.executable, str(bootstrap.__file__), "dance"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert said.returncode == 1
    assert "bootstrap.py demo" in said.stderr
