"""A sandbox on this machine, where one can be had."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.settings import SandboxSettings
from workers.tool.python.bubblewrap import Bubblewrap, open_bubblewrap
from workers.tool.python.cgroups import ROOT
from workers.tool.python.layout import NoSandbox

SETTINGS = SandboxSettings(kind="bubblewrap", seconds=2, at_once=2)


@pytest.fixture(params=["full", "no-cgroup"])
async def sandbox(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bubblewrap]:
    """Both levels, where this machine has both."""
    monkeypatch.setenv("JAN_SECRET", "TOPSECRET")
    try:
        async with open_bubblewrap(SETTINGS, ROOT if request.param == "full" else tmp_path) as opened:
            if opened.level != request.param:
                pytest.skip("no cgroup can be made here")
            yield opened
    except NoSandbox as error:
        pytest.skip(str(error))
