"""A real Keycloak for tests: its distribution by its Maven coordinates, with the realm that is shipped.

The archive (177 MB) is fetched once and kept in the cache; a start takes 30 to 60 s of two cores.
"""

import asyncio
import json
import shutil
import subprocess
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.embedded.child import await_ready, start_child, stop_child
from infra.embedded.java import JavaMissing, find_java
from infra.embedded.place import Place
from infra.embedded.server import Server

VERSION = "26.7.3"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
ARCHIVE = f"keycloak-quarkus-dist-{VERSION}.zip"
FETCH_LIMIT = 240
START_LIMIT = 180.0
REALM = Path(__file__).parents[2] / "infra/deploy/keycloak/realm-jan.json"
USER, PASSWORD = "paula", "the-password-of-paula"


class KeycloakChoice(BaseSettings):
    """`JAN_TEST_KEYCLOAK=0` leaves the tests on Keycloak out."""

    model_config = SettingsConfigDict(env_prefix="JAN_TEST_", extra="ignore")

    keycloak: bool = True


class KeycloakMissing(Exception):
    """There is no Keycloak to be had here, for this reason."""


@dataclass(frozen=True)
class Keycloak:
    """One that runs."""

    url: str

    @property
    def issuer(self) -> str:
        """The realm's."""
        return f"{self.url}/realms/jan"


@asynccontextmanager
async def open_keycloak(place: Place, edge_url: str) -> AsyncIterator[Keycloak]:
    """Keycloak with the shipped realm and one user, until the block ends. Raises KeycloakMissing."""
    folder = await asyncio.to_thread(_unpacked, place, await _archive(place))
    _write_realm(folder)
    port = place.ports.take(0)
    server = await _server(folder, port, edge_url)
    child = start_child(server, place.home)
    try:
        await await_ready(child)
        yield Keycloak(server.address)
    finally:
        await stop_child(child)
        await asyncio.to_thread(shutil.rmtree, folder)


async def _archive(place: Place) -> Path:
    if not KeycloakChoice().keycloak:
        raise KeycloakMissing("JAN_TEST_KEYCLOAK=0 leaves Keycloak out")
    try:
        await find_java()
    except JavaMissing as error:
        raise KeycloakMissing(str(error)) from error
    kept = place.home.cache / ARCHIVE
    if not kept.exists():
        await asyncio.to_thread(_fetch, kept)
    return kept


def _fetch(into: Path) -> None:
    mvn = shutil.which("mvn")
    if mvn is None:
        raise KeycloakMissing("no mvn here, which knows where Keycloak's distribution is")
    draft = into.with_suffix(".draft")
    goal = ["dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={draft}"]
    try:
        subprocess.run([mvn, "-q", "-B", *goal], timeout=FETCH_LIMIT, check=True, capture_output=True)
        (draft / into.name).rename(into)
    except (OSError, subprocess.SubprocessError) as error:
        raise KeycloakMissing(f"mvn can't fetch {ARTIFACT}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpacked(place: Place, archive: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(place.home.root / "keycloak")
    return place.home.root / "keycloak" / f"keycloak-{VERSION}"


def _write_realm(folder: Path) -> None:
    """The realm as it is shipped, and somebody who can log in."""
    realm: dict[str, Any] = json.loads(REALM.read_text(encoding="utf-8"))
    realm["users"] = [
        {
            "username": USER,
            "enabled": True,
            "email": f"{USER}@example.org",
            "emailVerified": True,
            "firstName": "Paula",
            "lastName": "Example",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
        }
    ]
    imported = folder / "data" / "import"
    imported.mkdir(parents=True)
    (imported / "realm-jan.json").write_text(json.dumps(realm), encoding="utf-8")


async def _server(folder: Path, port: int, edge_url: str) -> Server:
    url = f"http://127.0.0.1:{port}"

    async def ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{url}/realms/jan/.well-known/openid-configuration") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    script = ("sh", str(folder / "bin" / "kc.sh"), "start-dev", "--import-realm")
    return Server(
        name="keycloak",
        command=(*script, "--http-host=127.0.0.1", f"--http-port={port}"),
        address=url,
        ready=ready,
        environment={
            "EDGE_URL": edge_url,
            "JAVA": str((await find_java()).binary),
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        },
        start_limit=START_LIMIT,
        stop_limit=20.0,
    )
