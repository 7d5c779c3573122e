"""A provider's list of its models, in our shape, with what it tells of each.

Context lengths and prices have no common name: vLLM says `max_model_len`, OpenRouter `context_length` and
`pricing` in dollars for one token, Mistral `max_context_length` and `capabilities`, Groq `context_window`,
llama.cpp `meta.n_ctx_train` (what the model was trained for; its `/props` says what it was started with).
"""

from decimal import Decimal, InvalidOperation

from pydantic import Field

from contracts.wire.models import Model
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject

MICRO_FOR_A_MILLION = Decimal(10) ** 12
"""Millionths of a dollar for a million tokens, of a dollar for one."""
MOST_PRICE = 2**62
MOST_LETTERS = 256
MOST_MODELS = 10_000
"""Of one list; the largest that is known has a few hundred."""
_LENGTHS = ("max_model_len", "context_length", "max_context_length", "context_window")
_CAPABILITIES = {
    "vision": "images",
    "function_calling": "tools",
    "audio": "audio",
    "embeddings": "embeddings",
}


class ListedModel(Model):
    """One model as its provider tells of it; None and nothing where it does not."""

    context_length: int | None = None
    max_completion_tokens: int | None = None
    input_price: int | None = None
    """Millionths of a US dollar for a million tokens."""
    output_price: int | None = None
    display_name: str | None = None
    supports: dict[str, bool] = Field(default_factory=dict)


def listed_models(body: bytes, owner: str) -> list[Model]:
    """The models in a provider's answer, by id. Raises ApiError when it is no list of models.

    Only what is named here is taken: the rest tells of paths and machines.
    """
    bare = body.lstrip().startswith(b"[")  # Together answers without the object around it
    data = read_said(b'{"data":%b}' % body if bare else body).get("data")
    if not isinstance(data, list):
        raise bad_answer("The provider's list of models has no data.")
    models = [_model(entry, owner) for entry in data if isinstance(entry, dict) and _text(entry.get("id"))]
    return sorted(models, key=lambda model: model.id)[:MOST_MODELS]


def context_of_props(props: JsonObject) -> int | None:
    """The context length, in tokens, of one slot of llama.cpp's server, as its `/props` tells."""
    settings = props.get("default_generation_settings")
    return _count(settings.get("n_ctx")) if isinstance(settings, dict) else None


def _model(entry: JsonObject, owner: str) -> Model:
    pricing = _object(entry.get("pricing"))
    top = _object(entry.get("top_provider"))
    return ListedModel(
        id=entry["id"],
        created=_count(entry.get("created"), most=2**62) or 0,
        owned_by=_text(entry.get("owned_by")) or owner,
        context_length=_context(entry),
        max_completion_tokens=_count(top.get("max_completion_tokens")),
        input_price=_price(pricing.get("prompt")),
        output_price=_price(pricing.get("completion")),
        display_name=_text(entry.get("name")),
        supports=_supports(entry),
    )


def _context(entry: JsonObject) -> int | None:
    told = [_count(entry.get(name)) for name in _LENGTHS]
    told.append(_count(_object(entry.get("meta")).get("n_ctx_train")))
    return next((length for length in told if length), None)


def _supports(entry: JsonObject) -> dict[str, bool]:
    """What is told of abilities; what is not told is not known."""
    found: dict[str, bool] = {}
    modalities = _object(entry.get("architecture")).get("input_modalities")
    if isinstance(modalities, list):
        found |= {"images": "image" in modalities, "audio": "audio" in modalities}
    capabilities = _object(entry.get("capabilities"))
    for theirs, ours in _CAPABILITIES.items():
        if isinstance(capabilities.get(theirs), bool):
            found[ours] = capabilities[theirs]
    parameters = entry.get("supported_parameters")
    if isinstance(parameters, list):
        found |= {"tools": "tools" in parameters, "reasoning": "reasoning" in parameters}
    return found


def _price(dollars: object) -> int | None:
    try:
        price = int(Decimal(str(dollars)) * MICRO_FOR_A_MILLION)
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return price if 0 <= price < MOST_PRICE else None


def _count(value: object, most: int = 2**31) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < most
    return value if is_count else None  # type: ignore[return-value]  # it is one


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """A name; None for what is none, or is longer than can be kept: half of it would name another."""
    is_name = isinstance(value, str) and value.strip() and len(value) <= MOST_LETTERS and "\0" not in value
    return value if is_name else None  # type: ignore[return-value]  # as above
