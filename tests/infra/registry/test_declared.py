"""Providers as a file and the environment declare them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.declaring import BadDeclaration
from infra.registry.declared import of_embeddings, of_environment, of_file
from infra.settings import ProviderSettings

GOOD = """
providers:
  - name: openai
    url: https://api.openai.com/v1
    api_key: ${OPENAI_API_KEY}
    prices: {gpt-4o: 2.5/10}
  - name: claude
    protocol: anthropic
    endpoints:
      - {url: "https://one.example/v1", weight: 3}
      - {url: "https://two.example/v1", priority: 1}
    api_key: ${MISSING:-}
    limits: {token_timeout: 30}
    media: link
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "providers.yaml"
    path.write_text(text)
    return path


def test_a_file_declares_providers_with_the_environments_texts(tmp_path: Path) -> None:
    one, two = of_file(written(tmp_path, GOOD), {"OPENAI_API_KEY": "sk-x"})

    assert one.api_key is not None
    assert one.api_key.get_secret_value() == "sk-x"
    assert (one.header, two.header, two.api_key) == ("bearer", "x-api-key", None)
    assert one.addresses == [{"url": "https://api.openai.com/v1", "weight": 1, "priority": 0}]
    assert [address["weight"] for address in two.addresses] == [3, 1]
    assert (one.media, two.media) == ("inline", "link")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("providers:\n  - name: a", "entry 1 (a): Value error, give either url or endpoints"),
        ("providers:\n  - url: http://x/v1", "entry 1: name: Field required"),
        ("providers:\n  - {name: A, url: http://x/v1}", "name: String should match pattern"),
        ("providers:\n  - {name: a, url: http://x/v1, apikey: secret}", "apikey: Extra inputs"),
        ("providers:\n  - {name: a, url: http://x/v1, api_key: '${NOPE}'}", "NOPE is not set"),
        ("providers:\n  - {name: a, url: http://x/v1, prices: {m: cheap}}", "price of m"),
        ("providers:\n  - {name: a, url: http://x/v1, limits: {nonsense: 1}}", "limits"),
        ("providers:\n  - {name: a, url: http://x/v1, media: links}", "media: Input should be"),
        ("providers:\n  - {name: a, url: http://x/v1}\n  - {name: a, url: http://y/v1}", "same name"),
        ("providers: {}", "must be a list"),
        ("other: []", "must hold `providers:`"),
        ("[", "while parsing"),
        ("providers:\n  - 7", "must be a mapping"),
    ],
)
def test_what_declares_nothing_is_told_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadDeclaration) as raised:
        of_file(written(tmp_path, text), {})

    assert told in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadDeclaration, match="No such file"):
        of_file(tmp_path / "nowhere.yaml", {})


def test_the_environment_declares_one_provider() -> None:
    one = of_environment(
        ProviderSettings(name="Local", url="http://x/v1", key=SecretStr("k"), vendor="azure", media="link")
    )

    assert (one.name, one.url, one.header, one.media) == ("local", "http://x/v1", "api-key", "link")


def test_what_the_environment_declares_wrong_is_told() -> None:
    with pytest.raises(BadDeclaration, match="name"):
        of_environment(ProviderSettings(name="no good"))


def test_the_example_that_is_shipped_declares_providers() -> None:
    declared = of_file(Path("infra/deploy/providers.example.yaml"), {})

    assert [one.name for one in declared] == ["openai", "anthropic", "azure", "vllm"]
    assert [one.header for one in declared] == ["bearer", "x-api-key", "api-key", "bearer"]
    assert not any(one.active for one in declared)


def test_a_server_that_only_embeds_is_a_provider_of_its_own() -> None:
    (one,) = of_embeddings(ProviderSettings(name="Local", embeddings_url="http://x/v1"))

    assert (one.name, one.url) == ("local-embeddings", "http://x/v1")
    assert of_embeddings(ProviderSettings()) == []


def test_a_name_that_is_none_of_a_provider_is_told_by_its_variable() -> None:
    with pytest.raises(BadDeclaration, match="JAN_PROVIDER_EMBEDDINGS_URL: name"):
        of_embeddings(ProviderSettings(name="not a name", embeddings_url="http://x/v1"))
