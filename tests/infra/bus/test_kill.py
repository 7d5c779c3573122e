"""Workers that die under load."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from contracts.ids import new_ulid
from contracts.topics import Topic
from infra.bus.lag import open_lag
from infra.bus.producer import Producer
from infra.settings import KafkaSettings
from tests.infra.bus.conftest import NewTopic, Until

Spawn = Callable[[Topic, str, str], "Popen[bytes]"]
WORKER = Path(__file__).with_name("mortal_worker.py")


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    """What the workers of a test wrote."""
    path = tmp_path / "diary"
    path.touch()
    return path


@pytest.fixture
def spawn(quick: KafkaSettings, diary: Path, pytestconfig: pytest.Config) -> Iterator[Spawn]:
    """Starts a worker process in the mode `hold` or `go`."""
    children: list[Popen[bytes]] = []

    def start(topic: Topic, group: str, mode: str) -> "Popen[bytes]":
        arguments = [quick.bootstrap, quick.flavor, topic.name, group, mode, str(diary)]
        child = Popen(
            [sys.executable, "-m", "tests.infra.bus.mortal_worker", *arguments], cwd=pytestconfig.rootpath
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def written(diary: Path, word: str) -> Counter[str]:
    lines = [line.split() for line in diary.read_text().splitlines()]
    return Counter(line[1] for line in lines if len(line) == 2 and line[0] == word)


async def send_all(producer: Producer, topic: Topic, names: list[str]) -> None:
    await asyncio.gather(*(producer.send(topic, name.encode(), name.encode(), {}) for name in names))


async def test_a_killed_worker_loses_nothing(
    new_topic: NewTopic, producer: Producer, spawn: Spawn, diary: Path, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    names = [f"job-{number}" for number in range(600)]
    victim, _ = spawn(topic, group, "go"), spawn(topic, group, "go")

    await send_all(producer, topic, names[:300])
    await until(lambda: len(written(diary, "done")) > 100)
    victim.kill()
    await send_all(producer, topic, names[300:])

    await until(lambda: len(written(diary, "done")) == 600)


@pytest.mark.kafka
async def test_what_a_killed_worker_had_finished_does_not_run_again(
    new_topic: NewTopic, producer: Producer, spawn: Spawn, diary: Path, until: Until, quick: KafkaSettings
) -> None:
    topic, group = await new_topic(4), new_ulid()
    heads = [f"hold-{number}" for number in range(16)]
    fast = [f"job-{number}" for number in range(200)]
    await send_all(producer, topic, heads)
    await send_all(producer, topic, fast)

    victim = spawn(topic, group, "hold")
    await until(lambda: len(written(diary, "done")) == 200)
    async with open_lag(quick) as lag:
        while (await lag.backlog(group, [topic]))[topic.name] != len(heads):
            assert victim.poll() is None
    victim.kill()
    victim.wait()
    spawn(topic, group, "go")
    await until(lambda: len(written(diary, "done")) == 216)

    begun = written(diary, "begun")
    assert all(begun[name] == 1 for name in fast)
    assert all(begun[name] == 2 for name in heads)


async def test_a_worker_that_is_told_to_stop_leaves_at_once(
    new_topic: NewTopic, producer: Producer, spawn: Spawn, diary: Path, until: Until
) -> None:
    topic, group = await new_topic(4), new_ulid()
    leaver = spawn(topic, group, "go")
    await send_all(producer, topic, ["before"])
    await until(lambda: written(diary, "done"))

    leaver.terminate()
    await until(lambda: leaver.poll() is not None)
    spawn(topic, group, "go")
    await send_all(producer, topic, ["after"])
    await until(lambda: written(diary, "done")["after"])

    assert leaver.returncode == 0
    assert written(diary, "begun") == Counter({"before": 1, "after": 1})
