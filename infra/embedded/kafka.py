"""Apache Kafka itself: one node in KRaft mode that is broker and controller.

Two things make it start fast. The log folder is formatted by writing its one file, as a single static
voter needs no more, which saves the start of a second JVM. And the first run that ends in peace leaves a
class-data archive, which the next ones map instead of loading classes.
"""

import base64
import contextlib
import logging
import shutil
import signal
import uuid
from dataclasses import dataclass
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from infra.embedded.check import accepts
from infra.embedded.jars import Report, kafka_jars, kafka_version
from infra.embedded.java import Java, find_java
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server

USUAL_PORT = 9092
USUAL_CONTROLLER_PORT = 9093
NODE = 1
JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dlog4j2.StatusLogger.level=OFF",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)
"""A small heap and only the quick compiler: the stack shares its cores."""
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={node}@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={logs}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"""
META = "version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={directory}\n"
QUIET_ARCHIVE = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")
ASK_LIMIT_MS = 3_000
STOP_LIMIT = 40.0
"""The first stop writes the class-data archive, which busy cores make slow."""


@dataclass(frozen=True)
class Archive:
    """The class-data archive: the same wherever jars and Java are the same, so it is in the cache."""

    cache: Path
    folder: Path
    java: Java

    @property
    def shared(self) -> Path:
        return self.cache / f"kafka-{kafka_version()}-java-{self.java.major}.jsa"

    @property
    def draft(self) -> Path:
        return self.folder / self.shared.name

    def options(self) -> tuple[str, ...]:
        """Map it, or leave one behind when this run ends."""
        if not self.java.can_archive:
            return ()
        if self.shared.exists():
            return (f"-XX:SharedArchiveFile={self.shared}", *QUIET_ARCHIVE)
        return (f"-XX:ArchiveClassesAtExit={self.draft}", *QUIET_ARCHIVE)

    def keep(self) -> None:
        """Move what a run left to the cache, now that it is whole."""
        with contextlib.suppress(FileNotFoundError):
            shutil.move(self.draft, self.shared)


PARTITIONS = 3
"""Most of a topic: a desk has few workers, and each fetch names every partition."""


async def kafka_server(place: Place, report: Report) -> Server:
    """Kafka on loopback; its jars are fetched first. JarsMissing or JavaMissing when it can't be had."""
    java = await find_java()
    jars = await kafka_jars(place.home, report)
    port, controller = place.ports.take(USUAL_PORT), place.ports.take(USUAL_CONTROLLER_PORT)
    folder = place.home.data("kafka")
    format_logs(folder / "logs")
    properties = folder / "server.properties"
    text = PROPERTIES.format(node=NODE, host=HOST, port=port, controller=controller, logs=folder / "logs")
    properties.write_text(text, encoding="utf-8")
    archive = Archive(place.home.cache, folder, java)
    command = (str(java.binary), *JVM, *archive.options(), "-cp", f"{jars}/*", "kafka.Kafka", str(properties))

    async def ready() -> bool:
        return await accepts(port) and await has_broker(f"{HOST}:{port}")

    return Server(
        name="kafka",
        command=command,
        address=f"{HOST}:{port}",
        ready=ready,
        offers={
            "JAN_KAFKA_BOOTSTRAP": f"{HOST}:{port}",
            "JAN_KAFKA_FLAVOR": "kafka",
            "JAN_KAFKA_MAX_PARTITIONS": str(PARTITIONS),
        },
        orphan_signal=signal.SIGKILL,
        stop_limit=STOP_LIMIT,
        after_stop=archive.keep,
        note=f"Apache Kafka {kafka_version()} on Java {java.major}",
    )


def format_logs(logs: Path) -> None:
    """What `kafka-storage format` writes for a static quorum; the first start adds the newest features."""
    meta = logs / "meta.properties"
    if not meta.exists():
        logs.mkdir(exist_ok=True)
        meta.write_text(META.format(cluster=kafka_id(), node=NODE, directory=kafka_id()), encoding="utf-8")


def kafka_id() -> str:
    """A random id as Kafka spells them: 16 bytes, base64 for URLs, no padding."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


async def has_broker(bootstrap: str) -> bool:
    """Whether its metadata lists a broker: it has joined its own controller."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=ASK_LIMIT_MS)
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except KafkaError:
        return False
    finally:
        await client.close()
