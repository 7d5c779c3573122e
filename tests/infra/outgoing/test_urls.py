"""URLs and addresses that users gave: none leads into a private network, by whatever way it is written."""

import pytest

from contracts.errors import ApiError
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.resolving import checked_name
from infra.outgoing.urls import MOST, checked_url

PUBLIC = AddressPolicy()
REFUSED = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST/",
    "http://a.localhost/",
    "http://printer/",
    "http://db.internal/",
    "http://nas.local/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1.:80/",
    "http://0.0.0.0/",
    "http://0/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://[fd00::1]/",
    "http://[ff02::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://100.64.0.1/",
    "http://198.18.0.1/",
    "http://192.0.0.192/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://10.0.0.5/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://user:pass@127.0.0.1/",
    "http://example.com@127.0.0.1/",
    "http://user:pass@example.com/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com/#fragment",
    "http://example.com:0/",
    "http://example.com:99999/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/html,hi",
    "jar:http://127.0.0.1!/",
    "//127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http://example.com/\r\nX-Injected: 1",
    "http://exam\tple.com/",
    "http://example.com/ a",
    "http://",
    "",
    "example.com",
    "http://" + "a" * MOST + ".com/",
    "http://[::1/",
    "http://a..b/",
    "http://.example.com/",
    f"http://{'a' * 64}.com/",
    "http://example.com/\ud800",
]
ALLOWED = [
    "https://api.openai.com/v1",
    "https://EXAMPLE.com./v1",
    "http://93.184.216.34/",
    "http://example.com:8080/v1?api-version=2024-10-21",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://bücher.example/v1",
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_leads_to_a_private_network_is_refused(url: str) -> None:
    with pytest.raises(ApiError) as raised:
        checked_url(url, PUBLIC, param="base_url")

    detail = raised.value.detail
    assert (detail.code, detail.param, detail.status) == ("address_refused", "base_url", 400)


@pytest.mark.parametrize("url", ALLOWED)
def test_what_is_public_is_allowed(url: str) -> None:
    assert checked_url(url, PUBLIC, param="base_url").scheme in {"http", "https"}


def test_an_operator_allows_networks_of_their_own_and_no_others() -> None:
    policy = AddressPolicy(["10.1.0.0/16", "127.0.0.0/8"])

    assert policy.allows("10.1.2.3")
    assert policy.allows("127.0.0.1")
    assert not policy.allows("10.2.0.1")
    assert not policy.allows("::1")
    checked_url("http://10.1.2.3:8000/v1", policy, param="base_url")
    checked_url("http://localhost:8000/v1", policy, param="base_url")
    with pytest.raises(ApiError):
        checked_url("http://10.2.0.1/v1", policy, param="base_url")


def test_everything_may_be_an_operators_own() -> None:
    policy = AddressPolicy(allows_all=True)

    assert policy.has_own("10.2.0.1")
    assert policy.may_have_own("files.example")
    assert not AddressPolicy().may_have_own("files.example")


def test_what_is_no_address_is_not_allowed() -> None:
    assert not PUBLIC.allows("")
    assert not PUBLIC.allows("example.com")


def test_a_network_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        AddressPolicy(["10.0.0"])


async def test_a_name_that_leads_home_is_refused_when_it_is_kept() -> None:
    with pytest.raises(ApiError):
        await checked_name("localhost", PUBLIC, param="base_url")


async def test_a_name_that_leads_nowhere_now_may_be_kept() -> None:
    await checked_name("no-such-host.invalid", PUBLIC, param="base_url")
