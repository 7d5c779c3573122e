"""MinIO's own server, where there is one: `JAN_TEST_MINIO=/path/to/minio`, or `minio` on the path.

Object tests that ask for `store` run on the embedded SeaweedFS and, where it can be had, on this.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.embedded.check import answers_ok
from infra.embedded.place import Place
from infra.embedded.ports import HOST
from infra.embedded.server import Server
from infra.settings import ObjectSettings
from tests.conftest import running

USER = "jan"


class MinioChoice(BaseSettings):
    """`JAN_TEST_MINIO`: the program."""

    model_config = SettingsConfigDict(env_prefix="JAN_TEST_", extra="ignore")

    minio: Path | None = None


@pytest.fixture(scope="session")
def minio(place: Place) -> Iterator[ObjectSettings]:
    """MinIO without a bucket."""
    binary = MinioChoice().minio or shutil.which("minio")
    if binary is None:
        pytest.skip("no MinIO here: neither JAN_TEST_MINIO nor `minio` on the path")
    server = minio_server(place, Path(binary))
    with running(lambda: opened(server), place.home):
        yield ObjectSettings(
            endpoint=server.address,
            access_key=USER,
            secret_key=SecretStr(server.environment["MINIO_ROOT_PASSWORD"]),
        )


@pytest.fixture(params=["seaweedfs", "minio"])
def store(request: pytest.FixtureRequest) -> ObjectSettings:
    """Each store in turn."""
    found = request.getfixturevalue("objects" if request.param == "seaweedfs" else request.param)
    assert isinstance(found, ObjectSettings)
    return found


def minio_server(place: Place, binary: Path) -> Server:
    """Its S3 and its console on loopback; it keeps all it writes in this home."""
    port, console = place.ports.take(0), place.ports.take(0)
    folder = place.home.data("minio")

    async def ready() -> bool:
        return await answers_ok(port, "/minio/health/ready")

    addresses = ("--address", f"{HOST}:{port}", "--console-address", f"{HOST}:{console}")
    return Server(
        name="minio",
        command=(
            str(binary),
            "server",
            "--certs-dir",
            str(folder / "certs"),
            *addresses,
            str(folder / "data"),
        ),
        address=f"http://{HOST}:{port}",
        ready=ready,
        environment={
            "MINIO_ROOT_USER": USER,
            "MINIO_ROOT_PASSWORD": place.home.secret("minio"),
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        },
    )


async def opened(server: Server) -> Server:
    return server
