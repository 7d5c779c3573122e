"""Processes by what they are, and what they use."""

import os

import pytest

from tests.bench.processes import cpu_seconds, increase, part_of, pss_bytes


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["/opt/jre/bin/java", "-Xmx256m", "kafka.Kafka", "server.properties"], "kafka"),
        (["postgres: jan jan 127.0.0.1(4711) idle"], "postgres"),
        (["/venv/bin/valkey-server", "127.0.0.1:6379"], "valkey"),
        (["/venv/bin/weed", "server", "-s3"], "objects"),
        (["/venv/bin/python", "-m", "api_edge"], "edge"),
        (["/venv/bin/python", "-m", "workers.completion"], "worker completion"),
        (["/venv/bin/python", "/venv/bin/jan", "up"], "jan"),
        (["/usr/bin/python3", "script.py"], "python3"),
        ([], "other"),
    ],
)
def test_a_process_is_named_by_its_command_line(command: list[str], part: str) -> None:
    assert part_of(command) == part


def test_cpu_and_memory_of_this_process_are_seen() -> None:
    assert sum(cpu_seconds([os.getpid()]).values()) > 0
    assert sum(pss_bytes([os.getpid()]).values()) > 1_000_000


def test_a_process_that_is_gone_counts_nothing() -> None:
    gone = 2**22 + 1

    assert cpu_seconds([gone]) == {}


def test_an_increase_counts_what_began_in_between() -> None:
    assert increase({"edge": 1.0}, {"edge": 1.5, "worker": 0.25}) == {"edge": 0.5, "worker": 0.25}
