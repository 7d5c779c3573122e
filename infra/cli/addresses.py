"""Where the commands find the servers: those of the local stack where one runs, else the environment's."""

from typing import Literal

from pydantic import SecretStr

from infra.cli.stack_home import stack_home
from infra.embedded.control import running_state
from infra.settings import DatabaseSettings, KafkaSettings, RedisSettings


def stack_kafka() -> KafkaSettings:
    """The broker."""
    found = stack_environment()
    bootstrap = found.get("JAN_KAFKA_BOOTSTRAP")
    if bootstrap is None:
        return KafkaSettings()
    flavor: Literal["kafka", "tansu"] = "tansu" if found.get("JAN_KAFKA_FLAVOR") == "tansu" else "kafka"
    return KafkaSettings(bootstrap=bootstrap, flavor=flavor)


def stack_database() -> DatabaseSettings:
    """The database."""
    url = stack_environment().get("JAN_DATABASE_URL")
    return DatabaseSettings() if url is None else DatabaseSettings(url=SecretStr(url))


def stack_redis() -> RedisSettings:
    """Redis."""
    url = stack_environment().get("JAN_REDIS_URL")
    return RedisSettings() if url is None else RedisSettings(url=SecretStr(url))


def stack_environment() -> dict[str, str]:
    """The settings that lead a process to the local stack; none when none runs."""
    state = running_state(stack_home())
    return {} if state is None else state.environment
