"""A provider's list of its models, in our shape."""

from contracts.wire.models import Model
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject


def listed_models(body: bytes, owner: str) -> list[Model]:
    """The models in a provider's answer, by id. Raises ApiError when it is no list of models.

    Only what OpenAI's shape has is taken: the rest tells of paths and machines.
    """
    bare = body.lstrip().startswith(b"[")  # Together answers without the object around it
    data = read_said(b'{"data":%b}' % body if bare else body).get("data")
    if not isinstance(data, list):
        raise bad_answer("The provider's list of models has no data.")
    models = [_model(entry, owner) for entry in data if isinstance(entry, dict) and entry.get("id")]
    return sorted(models, key=lambda model: model.id)


def _model(entry: JsonObject, owner: str) -> Model:
    created = entry.get("created")
    return Model(
        id=str(entry["id"]),
        created=created if isinstance(created, int) else 0,
        owned_by=str(entry.get("owned_by") or owner),
    )
