"""The committed documents are what the code makes, and they tell the truth."""

from pathlib import Path
from typing import Any

import pytest

from api_edge.documents import generated, main, openapi_document


@pytest.fixture
async def document() -> dict[str, Any]:
    return await openapi_document()


def test_the_committed_documents_are_up_to_date() -> None:
    assert {file.name: text for file, text in generated().items()} == {
        file.name: file.read_text() for file in generated()
    }


def test_a_stale_document_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_edge.documents.FOLDER", tmp_path)

    stale = main(["--check"])
    main(["--write"])

    assert stale == 1
    assert main(["--check"]) == 0


async def test_every_operation_tells_of_errors_in_the_one_shape(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status in ("4XX", "5XX"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (method, path)


async def test_chat_completions_are_documented_by_their_contract(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/chat/completions"]["post"]

    assert operation["security"] == [{"bearer": []}]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ChatCompletionRequest"}
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    assert "bearer" in document["components"]["securitySchemes"]


async def test_resuming_is_documented_with_its_place(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/chat/completions/{completion_id}"]["get"]

    assert operation["security"] == [{"bearer": []}]
    names = [parameter["name"] for parameter in operation["parameters"]]
    assert names == ["completion_id", "stream", "starting_after", "X-On-Disconnect"]


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(document["components"]["schemas"])

    assert references(document) <= {f"#/components/schemas/{name}" for name in names}


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(references(one) for one in value))
    return set()
