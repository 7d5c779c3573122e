"""Where a fetch may not go, however it is led there: nothing connects, and nothing is left."""

import asyncio
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ApiError
from tests.infra.outgoing.conftest import Meaning
from tests.infra.outgoing.remote import BODY, LIMITS, OWN, Remote, answer, fetcher, is_empty, moved
from tests.infra.outgoing.test_urls import REFUSED

PUBLIC = "93.184.215.14"
PRIVATE = [
    *("127.0.0.1", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),  # noqa: S104
    *("100.64.0.1", "198.18.0.1", "192.0.0.192", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b:1::a00:5", "2002:7f00:1::", "2001:0:7f00:1::", "fd00::1", "fe80::1", "fe80::1%lo", "ff02::1"),
]
ALSO_REFUSED = [
    *("http://pictures.example:22/", "http://pictures.example:6379/", "https://93.184.215.14:8443/"),
    *("http://pictures.example:80:80/", "http://[/"),
    *("http://127%2e0.0.1/"),
    *("http://[v1.a]/", "http://[::1]pictures.example/", "HTTP//pictures.example/", "http://%/"),
]


async def code_of(url: str, path: Path, networks: tuple[str, ...] = ()) -> str | None:
    """What a fetch is refused with."""
    async with fetcher(networks=networks) as opened:
        with pytest.raises(ApiError) as raised:
            await opened.fetch(url, path / "file")
    assert is_empty(path)
    assert raised.value.detail.status == 400
    return raised.value.detail.code


@pytest.mark.parametrize("url", [*REFUSED, *ALSO_REFUSED])
async def test_nobody_is_led_into_a_private_network(
    connected: list[Any], meaning: Meaning, tmp_path: Path, url: str
) -> None:
    asked = meaning()

    assert await code_of(url, tmp_path) == "address_refused"
    assert not connected
    assert not asked


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_means_a_private_address_is_refused(
    connected: list[Any], meaning: Meaning, tmp_path: Path, address: str
) -> None:
    asked = meaning([address])

    assert await code_of("http://pictures.example/", tmp_path) == "address_refused"
    assert len(asked) == 1
    assert not connected


@pytest.mark.parametrize("told", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
async def test_one_private_address_refuses_a_name(
    connected: list[Any], meaning: Meaning, tmp_path: Path, told: list[str]
) -> None:
    meaning(told)

    assert await code_of("https://pictures.example/", tmp_path) == "address_refused"
    assert not connected


async def test_a_public_name_is_connected_to(connected: list[Any], meaning: Meaning, tmp_path: Path) -> None:
    """So the other tests would see it."""
    meaning([PUBLIC])

    assert await code_of("http://pictures.example/", tmp_path) == "invalid_value"
    assert connected == [(PUBLIC, 80)]


async def test_a_name_is_resolved_once_for_the_check_and_the_connection(
    connected: list[Any], meaning: Meaning, tmp_path: Path
) -> None:
    """Rebinding: what the name means a moment later is not asked for."""
    asked = meaning([PUBLIC], ["127.0.0.1"])

    await code_of("http://pictures.example/", tmp_path)

    assert len(asked) == 1
    assert connected == [(PUBLIC, 80)]


async def test_a_name_is_resolved_anew_for_each_hop(remote: Remote, meaning: Meaning, tmp_path: Path) -> None:
    """Rebinding: what was allowed for the first request is asked again for the next one, and refused."""
    asked = meaning(["127.0.0.1"], ["10.0.0.5"])
    url = f"http://pictures.example:{remote.port}/"
    remote.answers["/"] = moved(f"{url}next")

    assert await code_of(url, tmp_path, OWN) == "address_refused"
    assert (len(asked), remote.connections) == (2, 1)


async def test_a_name_is_resolved_anew_for_each_file(
    remote: Remote, meaning: Meaning, tmp_path: Path
) -> None:
    """Neither a connection nor an address is kept, though the server would."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BODY, "Connection: keep-alive"))
        await reader.read()

    meaning(["127.0.0.1"], ["10.0.0.5"])
    url = f"http://pictures.example:{remote.port}/"
    remote.answers["/"] = keep

    async with fetcher() as opened:
        await opened.fetch(url, tmp_path / "file")
        with pytest.raises(ApiError, match="it leads to a network that is refused"):
            await opened.fetch(url, tmp_path / "other")

    assert remote.connections == 1


@pytest.mark.parametrize(
    "to",
    [
        *("http://10.0.0.5/", "//10.0.0.5/", "http://169.254.169.254/latest/", "http://[::1]/", "http://0/"),
        *("http://2130706433/", "file:///etc/passwd"),
        *(
            "ftp://pictures.example/",
            "data:image/png;base64,AAAA",
            "javascript:1",
            "http://a:b@pictures.example/",
        ),
        *("http://pictures.example:22/", "http://[::1", "http://a..b/", "http://pictures.example/a b"),
        *("/\udcff", "http://\udcff.example/", "\\\\10.0.0.5\\", "http://93.184.215.14:8080/"),
        f"http://{'a' * 300}.example/",
        f"/{'a' * 3000}",
        "https://pictures.example/",
    ],
)
async def test_a_redirect_leads_nowhere_that_the_first_address_may_not(
    remote: Remote, meaning: Meaning, tmp_path: Path, to: str
) -> None:
    meaning(["10.0.0.5"])
    remote.answers["/"] = moved(to)

    assert await code_of(remote.url, tmp_path, OWN) == "address_refused"
    assert remote.connections == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "pictures.example"])
async def test_an_operators_own_network_may_have_any_port(
    remote: Remote, meaning: Meaning, tmp_path: Path, host: str
) -> None:
    meaning(["127.0.0.1"])
    remote.answers["/"] = answer(BODY)

    async with fetcher() as opened:
        told = await opened.fetch(f"http://{host}:{remote.port}/", tmp_path / "file")

    assert told.size == len(BODY)


@pytest.mark.parametrize("told", [[PUBLIC], [PUBLIC, "127.0.0.1"]])
async def test_a_public_network_has_no_other_ports_for_that(
    connected: list[Any], meaning: Meaning, tmp_path: Path, told: list[str]
) -> None:
    meaning(told)

    async with fetcher() as opened:
        with pytest.raises(ApiError, match="its port must be 80 or 443"):
            await opened.fetch("http://pictures.example:8080/", tmp_path / "file")

    assert not connected


async def test_other_ports_may_be_meant(connected: list[Any], meaning: Meaning, tmp_path: Path) -> None:
    meaning([PUBLIC])

    async with fetcher(replace(LIMITS, ports=frozenset({8080})), networks=()) as opened:
        with pytest.raises(ApiError, match="cannot be reached"):
            await opened.fetch("http://pictures.example:8080/", tmp_path / "file")
        with pytest.raises(ApiError, match="its port must be 8080"):
            await opened.fetch("http://pictures.example/", tmp_path / "file")

    assert connected == [(PUBLIC, 8080)]


async def test_an_own_network_does_not_open_others(remote: Remote, tmp_path: Path) -> None:
    assert await code_of(remote.url, tmp_path, ("10.0.0.0/8",)) == "address_refused"
    assert remote.connections == 0


async def test_what_does_not_connect_is_not_even_asked_by_tcp(tmp_path: Path) -> None:
    """Against the real resolver and a real socket."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        listening.settimeout(0)

        for host in ("127.0.0.1", "localhost", "127.1", "0", "[::ffff:127.0.0.1]"):
            assert await code_of(f"http://{host}:{port}/", tmp_path) == "address_refused"

        with pytest.raises(BlockingIOError):
            listening.accept()
