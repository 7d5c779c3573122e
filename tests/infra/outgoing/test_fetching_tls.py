"""Fetches over TLS: from servers whose certificate is valid, and never back to plain HTTP."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.errors import ApiError
from tests.infra.outgoing.conftest import Meaning
from tests.infra.outgoing.remote import BODY, Remote, answer, fetched, fetcher, moved, open_remote, refused

LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
FAR = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
BAD_CERTIFICATE = (400, "fetched: its certificate is not valid")


def certificate(path: Path, until: datetime.datetime = FAR) -> Path:
    """One for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "remote")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), LONG_AGO, until)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(pem, *form) + signed.public_bytes(pem))
    return path


def served_by(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for what is fetched."""
    place = tmp_path / "fetched"
    place.mkdir()
    return place


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Remote]:
    """A server with a certificate that this machine trusts."""
    path = certificate(tmp_path / "cert.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with open_remote(served_by(path)) as remote:
        yield remote


async def test_a_file_is_fetched_over_tls(secure: Remote, place: Path) -> None:
    assert (await fetched(secure, place, answer(BODY))).url.startswith("https://")
    assert (place / "file").read_bytes() == BODY


async def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path, place: Path) -> None:
    async with open_remote(served_by(certificate(tmp_path / "cert.pem"))) as remote:
        assert await refused(remote, place, answer(BODY)) == BAD_CERTIFICATE

    assert not remote.heads


async def test_a_certificate_that_has_expired_is_refused(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate(tmp_path / "cert.pem", LONG_AGO + datetime.timedelta(1))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    async with open_remote(served_by(path)) as remote:
        assert await refused(remote, place, answer(BODY)) == BAD_CERTIFICATE


async def test_a_certificate_for_another_name_is_refused(
    secure: Remote, place: Path, meaning: Meaning
) -> None:
    meaning(["127.0.0.1"])

    async with fetcher() as opened:
        with pytest.raises(ApiError, match="its certificate is not valid"):
            await opened.fetch(f"https://pictures.example:{secure.port}/", place / "file")


async def test_a_server_without_tls_is_said_to_be_one(place: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BODY))
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server, fetcher() as opened:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ApiError, match="it does not speak TLS as it should"):
            await opened.fetch(f"https://127.0.0.1:{port}/", place / "file")


async def test_a_redirect_from_https_to_http_is_refused(secure: Remote, remote: Remote, place: Path) -> None:
    status, message = await refused(secure, place, moved(f"{remote.url}/a.png"))

    assert (status, message) == (400, "used: it leads from https to http")
    assert remote.connections == 0


async def test_a_redirect_from_http_to_https_is_followed(secure: Remote, remote: Remote, place: Path) -> None:
    secure.answers["/a.png"] = answer(BODY)

    assert (await fetched(remote, place, moved(f"{secure.url}/a.png"))).size == len(BODY)
