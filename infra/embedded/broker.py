"""Which broker the stack runs: Apache Kafka, or the fallback where that can't be had."""

from infra.embedded.jars import JarsMissing, Report
from infra.embedded.java import JavaMissing
from infra.embedded.kafka import kafka_server
from infra.embedded.place import Place
from infra.embedded.server import Server
from infra.embedded.tansu import tansu_server


async def broker_server(place: Place, report: Report, *, fallback: bool) -> Server:
    """Apache Kafka, or Tansu where `fallback` asks for it or Kafka can't be had."""
    if fallback:
        return await tansu_server(place, "as asked for")
    try:
        return await kafka_server(place, report)
    except (JarsMissing, JavaMissing) as error:
        return await tansu_server(place, str(error))
