"""The committed documents are what the code makes, and they tell the truth."""

from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import iter_route_contexts
from jsonschema import Draft202012Validator

from api_edge.app import hot_routes
from api_edge.document.whole import operations
from api_edge.documents import documented_api, generated, main, openapi_document
from api_edge.mcp.door import PATH as MCP_PATH
from api_edge.media.uploads import ASK_PATH, UPLOAD_PATH
from api_edge.middleware.identity import is_public
from api_edge.responses.counting import PATH as COUNTED
from api_edge.responses.create import PATH as RESPONSES
from contracts.errors import CATALOGUE, ErrorCode


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


async def test_no_operation_goes_without_what_a_reader_needs(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for operation in operations(document):
        said = operation.said
        assert said["summary"], operation
        assert said["operationId"], operation
        assert len(said["tags"]) == 1, operation
        assert set(said["tags"]) <= tags, operation
        assert isinstance(said["security"], list), operation


async def test_what_is_guarded_takes_both_credentials_and_nothing_else_needs_one(
    document: dict[str, Any],
) -> None:
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    for operation in operations(document):
        security = operation.said["security"]
        if is_public(operation.path):
            assert security == [] or {} in security, operation
        else:
            assert security == [{"bearer": []}, {"api_key": []}], operation


async def test_statuses_are_exact_and_errors_have_the_one_shape_and_an_example(
    document: dict[str, Any],
) -> None:
    for operation in operations(document):
        responses = operation.said["responses"]
        assert all(status.isdigit() for status in responses), operation
        assert {"400", "500"} <= set(responses), operation
        assert ("401" in responses) or is_public(operation.path), operation
        for status, answer in responses.items():
            assert "X-Request-Id" in answer["headers"], operation
            if status >= "400" and operation.path != "/readyz":
                content = answer["content"]["application/json"]
                one_shape = {"$ref": "#/components/schemas/ErrorAnswer"}
                is_rpc = operation.path == MCP_PATH and one_shape in content["schema"].get("anyOf", ())
                assert content["schema"] == one_shape or is_rpc, operation
                assert content["examples"], operation


async def test_every_error_example_is_of_its_status(document: dict[str, Any]) -> None:
    examples = document["components"]["examples"]
    for operation in operations(document):
        for status, answer in operation.said["responses"].items():
            for name in answer.get("content", {}).get("application/json", {}).get("examples", {}):
                if name == "json_rpc":
                    continue
                assert CATALOGUE[ErrorCode(name)][1] == int(status), operation
                assert examples[name]["value"]["error"]["code"] == name


async def test_every_json_body_has_an_example_that_its_schema_allows(document: dict[str, Any]) -> None:
    for operation in operations(document):
        content = operation.said.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(content["example"])


async def test_what_stands_in_a_path_is_described_with_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for parameter in operation.said["parameters"]:
            assert parameter.get("description"), (operation, parameter)
            if parameter["in"] == "path":
                assert parameter.get("example") or parameter["schema"].get("examples"), operation


async def test_plain_json_can_be_had_in_the_envelope(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for status, answer in operation.said["responses"].items():
            content = answer.get("content", {})
            has_envelope = "application/vnd.jan.v1+json" in content
            assert has_envelope == ("application/json" in content and status < "300"), operation


async def test_an_envelope_is_not_described_twice(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]["200"]["content"]

    assert content["application/vnd.jan.v1+json"] == content["application/json"]


async def test_chat_completions_are_documented_by_their_contract(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/chat/completions"]["post"]

    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ChatCompletionRequest"}
    assert "text/event-stream" in operation["responses"]["200"]["content"]
    assert {"502", "504"} <= set(operation["responses"])


async def test_resuming_is_documented_with_its_place(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/chat/completions/{completion_id}"]["get"]

    names = [parameter["name"] for parameter in operation["parameters"]]
    assert names[:4] == ["completion_id", "stream", "starting_after", "X-On-Disconnect"]


async def test_what_is_served_is_documented_and_the_other_way_round(document: dict[str, Any]) -> None:
    documented = {(operation.method, operation.path) for operation in operations(document)}

    assert await served() == documented


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    components = document["components"]

    known = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers", "examples")
        for name in components[kind]
    }
    assert references(document) <= known


async def served() -> set[tuple[str, str]]:
    """What the application answers, but for the document and the page that shows it."""
    nobody = cast("Any", None)  # routes are counted, and none is asked
    uploads = [("POST", ASK_PATH), ("POST", UPLOAD_PATH)]
    mcp = [(method, MCP_PATH) for method in ("POST", "GET", "DELETE")]
    responses = [("POST", RESPONSES), ("POST", COUNTED)]
    hot = {(method.lower(), path) for method, path in [*hot_routes(nobody), *responses, *uploads, *mcp]}
    async with documented_api() as api:
        cold = {
            (method.lower(), route.path_format or "")
            for route in iter_route_contexts(api.routes)
            for method in (route.methods or set()) - {"HEAD"}
        }
    return {one for one in hot | cold if one[1] != "/openapi.json" and not one[1].startswith("/api/swagger")}


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(one) for one in value.values()))
    if isinstance(value, list):
        return set().union(*(references(one) for one in value))
    return set()
