"""A short run of the harness: some two hundred jobs, six kills, and every promise checked."""

import tempfile
from pathlib import Path

import pytest

from tests.conftest import BrokerChoice
from tests.faults.chaos import run
from tests.faults.plan import Options

SEED = 7
"""A failure elsewhere is repeated by `just faults --jobs 240 --kills 6 --seed N`."""


@pytest.mark.timeout(300)
async def test_jobs_survive_the_killing_of_every_kind_of_process(pytestconfig: pytest.Config) -> None:
    options = Options(jobs=240, kills=6, seed=SEED, broker=BrokerChoice().broker)
    cache = Path(pytestconfig.rootpath) / ".jan" / "cache"

    with tempfile.TemporaryDirectory() as folder:
        verdict = await run(options, Path(folder), cache, print)

    assert verdict.violations == [], f"seed {options.seed}"
    assert sum(count for act, count in verdict.strikes.items() if act.startswith("kill")) == options.kills
