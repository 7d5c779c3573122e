"""`jan setup`: fetch ahead what the first start would fetch."""

import asyncio

from rich.console import Console

from infra.cli.stack_home import stack_home
from infra.embedded.jars import kafka_jars, kafka_version
from infra.embedded.java import find_java


def setup() -> None:
    """Fetch Apache Kafka, so that `jan up` needs no network."""
    home, console = stack_home(), Console()
    java = asyncio.run(find_java())
    console.print(f"Java {java.major}: {java.binary}")
    with console.status("") as shown:
        folder = asyncio.run(kafka_jars(home, shown.update))
    console.print(f"Apache Kafka {kafka_version()}: {folder}")
