"""The key in OpenAPI."""

from api_edge.idempotency.document import PARAMETER, add_keys


def test_every_post_with_a_caller_takes_a_key_and_no_other_operation_does() -> None:
    locked = {"security": [{"bearer": []}], "parameters": [{"name": "x"}]}
    document = {"paths": {"/a": {"post": dict(locked), "get": dict(locked)}, "/b": {"post": {}}}}

    paths = add_keys(document)["paths"]

    assert paths["/a"]["post"]["parameters"] == [{"name": "x"}, PARAMETER]
    assert paths["/a"]["get"] == locked
    assert paths["/b"]["post"] == {}
