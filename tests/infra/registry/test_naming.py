"""What everybody calls a model, whatever its provider calls it."""

import pytest

from infra.registry.naming import catalog_id_of


@pytest.mark.parametrize(
    ("original", "vendor", "catalog"),
    [
        ("gpt-4o", "azure", "openai/gpt-4o"),
        ("openai/gpt-4o", "openrouter", "openai/gpt-4o"),
        ("o3-mini", "custom", "openai/o3-mini"),
        ("claude-sonnet-4-5", "custom", "anthropic/claude-sonnet-4-5"),
        ("Qwen/Qwen2.5-7B-Instruct", "custom", "qwen/qwen2.5-7b-instruct"),
        ("qwen2.5:7b", "ollama", "qwen/qwen2.5:7b"),
        ("meta-llama/Llama-3-8B", "custom", "meta/llama-3-8b"),
        ("llama3", "ollama", "meta/llama3"),
        ("deepseek-ai/DeepSeek-V3", "custom", "deepseek/deepseek-v3"),
        ("a/b/c", "custom", "b/c"),
        ("smollm2-135m-instruct", "jan", "jan/smollm2-135m-instruct"),
        ("jan-v1-4b", "custom", "jan/jan-v1-4b"),
        ("My Model (v2)", "acme", "acme/my-model-v2"),
        ("///", "acme", "acme/model"),
        ("x" * 300, "acme", "acme/" + "x" * 251),
    ],
)
def test_a_model_is_called_by_its_vendor_and_its_slug(original: str, vendor: str, catalog: str) -> None:
    assert catalog_id_of(original, vendor) == catalog
