"""FastStream subscribers that run many jobs of one partition at once.

    broker = open_broker(settings.kafka)

    @parallel_subscriber(broker, topic, group_id="completion", on_dead=bury)
    async def on_record(record: Record) -> None: ...

    await serve(broker, until=told_to_stop)

FastStream's own subscribers lose, repeat or block such jobs (contracts/decisions/0007). This one keeps
what FastStream gives (middlewares, AsyncAPI, TestKafkaBroker) and replaces how records are taken and
committed. It stands on internals of FastStream 0.7.8, so the version is pinned, and tests hold it to the
behaviour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from aiokafka import ConsumerRecord
from faststream._internal.broker.registrator import Registrator
from faststream._internal.endpoint.subscriber.call_item import CallsCollection
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.kafka.parser import AioKafkaParser
from faststream.kafka.schemas import Topic as FastStreamTopic
from faststream.kafka.subscriber.config import KafkaSubscriberConfig, KafkaSubscriberSpecificationConfig
from faststream.kafka.subscriber.specification import KafkaSubscriberSpecification
from faststream.kafka.subscriber.usecase import DefaultSubscriber, LogicSubscriber
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from typing_extensions import override

from contracts.topics import Topic
from infra.bus.attempts import OnDead
from infra.bus.client import PARTITION_FETCH_BYTES, guard, own_sticky_assignor
from infra.bus.consumption import Consumption, ConsumptionLimits
from infra.bus.errors import BusError, translated
from infra.bus.progress import ConsumerObserver, Counts, PartitionProgress
from infra.bus.record import Record, decode_headers, record_of
from infra.settings import KafkaSettings

START_LIMIT = 60.0
"""Seconds to join the group: a member that died holds its place for the session timeout."""

Handler = Callable[[Record], Awaitable[None]]


class RecordParser(AioKafkaParser):
    """Hands the record over undecoded, and takes any header: what is poison is the handler's to say."""

    @override
    async def parse_message(self, message: ConsumerRecord) -> StreamMessage[ConsumerRecord]:
        headers = decode_headers(message.headers)
        name = f"{message.topic}-{message.partition}-{message.offset}"
        return KafkaMessage(
            message,
            message.value or b"",
            headers=headers,
            message_id=name,
            correlation_id=headers.get("correlation_id", name),
            consumer=self._consumer,
        )

    @override
    async def decode_message(
        self, msg: StreamMessage[ConsumerRecord]
    ) -> Any:  # FastStream names JSON's types
        return record_of(msg.raw_message)


class ParallelSubscriber(DefaultSubscriber):
    """A FastStream subscriber whose records run side by side."""

    def __init__(
        self,
        config: KafkaSubscriberConfig,
        specification: KafkaSubscriberSpecification,
        calls: CallsCollection[ConsumerRecord],
        *,
        on_dead: OnDead,
        limits: ConsumptionLimits,
        observer: ConsumerObserver | None,
    ) -> None:
        super().__init__(config, specification, calls)
        self.parser = RecordParser(msg_class=KafkaMessage, regex=None)
        self._parser = self.parser.parse_message
        self._decoder = self.parser.decode_message
        self._on_dead = on_dead
        self._limits = limits
        self._observer = observer
        self._consumption: Consumption | None = None

    @property
    def counts(self) -> Counts:
        """What happened since the start."""
        return self._consumption.counts if self._consumption else Counts()

    @property
    def in_flight(self) -> int:
        """Jobs that run now."""
        return self._consumption.in_flight if self._consumption else 0

    @property
    def is_ready(self) -> bool:
        """Whether records would be taken now: for readiness checks."""
        return self._consumption is not None and self._consumption.is_ready

    def progress(self) -> list[PartitionProgress]:
        """Every assigned partition at this moment."""
        return self._consumption.progress() if self._consumption else []

    async def watch(self) -> NoReturn:
        """Wait until this subscriber breaks, and raise why. Whoever starts it must watch it: `serve` does."""
        if self._consumption is None:
            raise BusError("a subscriber is watched after its start")
        await self._consumption.watch()

    @override
    async def start(self) -> None:
        """Join the group and begin to take records. Raises BusError when that takes too long."""
        await super(LogicSubscriber, self).start()
        consumer = self.builder(group_id=self.group_id, client_id=self.client_id, **self._connection_args)
        guard(consumer._client)  # noqa: SLF001
        self._consumption = Consumption(
            consumer, self.process_message, self._on_dead, limits=self._limits, observer=self._observer
        )
        consumer.subscribe(topics=self.topic_names_for_subscribe, listener=self._consumption.assignment)
        try:
            with translated("joining the consumer group"):
                async with asyncio.timeout(START_LIMIT):
                    await consumer.start()
        except (BusError, asyncio.CancelledError):
            await consumer.stop()
            raise
        self._post_start()
        self._consumption.start()

    @override
    async def stop(self) -> None:
        """Drain: see Consumption.stop."""
        self.running = False
        if self._consumption is not None:
            await self._consumption.stop()


def parallel_subscriber(
    broker: KafkaBroker,
    *topics: Topic,
    settings: KafkaSettings,
    group_id: str,
    on_dead: OnDead,
    limits: ConsumptionLimits = ConsumptionLimits(),  # noqa: B008  frozen
    observer: ConsumerObserver | None = None,
) -> ParallelSubscriber:
    """Subscribe a group to topics; the result decorates the handler.

    A handler that returns has finished its record. One that raises is run again, at most
    `limits.attempts.max_attempts` times in all; after that, or at once on Poison, `on_dead` writes the dead
    letter and the record counts as finished.
    """
    names = [FastStreamTopic(topic.name) for topic in topics]
    config = KafkaSubscriberConfig(
        topics=names,
        group_id=group_id,
        connection_args=_consumer_arguments(settings),
        no_reply=True,
        _outer_config=broker.config,  # type: ignore[arg-type]  # a composition that answers for the config
        _ack_policy=AckPolicy.MANUAL,
    )
    calls: CallsCollection[ConsumerRecord] = CallsCollection()
    specification = KafkaSubscriberSpecification(
        _outer_config=broker.config,  # type: ignore[arg-type]
        calls=calls,
        specification_config=KafkaSubscriberSpecificationConfig(
            topics=names,
            title_=None,
            description_=" ".join(topic.summary + "." for topic in topics),
            include_in_schema=True,
        ),
    )
    subscriber = ParallelSubscriber(
        config, specification, calls, on_dead=on_dead, limits=limits, observer=observer
    )
    Registrator.subscriber(broker, subscriber)
    subscriber.add_call(parser_=None, decoder_=None, dependencies_=())
    return subscriber


def _consumer_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """The driver's arguments. One assignor only: with more, aiokafka joins once for each."""
    return {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "partition_assignment_strategy": (own_sticky_assignor(),),
        "fetch_min_bytes": 1,
        "fetch_max_wait_ms": settings.fetch_max_wait_ms,
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
        "session_timeout_ms": settings.session_timeout_ms,
        "heartbeat_interval_ms": settings.heartbeat_interval_ms,
        "rebalance_timeout_ms": settings.rebalance_timeout_ms,
        "max_poll_interval_ms": settings.max_poll_interval_ms,
    }
