"""Anthropic's list of its models, which comes in pages."""

from datetime import datetime

from workers.completion.core.catalog import MOST_LETTERS, ListedModel
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject

MOST_TOKENS = 2**31
CAPABILITIES = {"image_input": "images", "thinking": "reasoning"}


def models_page(body: bytes, owner: str) -> tuple[list[ListedModel], str | None]:
    """The models of one page, and the id behind which the next one begins, if there is one.

    Raises ApiError when it is no list of models.
    """
    page = read_said(body)
    entries = page.get("data")
    if not isinstance(entries, list):
        raise bad_answer("The provider's list of models has no data.")
    models = [_model(entry, owner) for entry in entries if isinstance(entry, dict) and _name(entry, "id")]
    return models, _name(page, "last_id") if page.get("has_more") is True else None


def _model(entry: JsonObject, owner: str) -> ListedModel:
    told = entry.get("capabilities")
    able = told if isinstance(told, dict) else {}
    return ListedModel(
        id=entry["id"],
        created=_seconds(entry.get("created_at")),
        owned_by=owner,
        display_name=_name(entry, "display_name"),
        context_length=_tokens(entry.get("max_input_tokens")),
        max_completion_tokens=_tokens(entry.get("max_tokens")),
        supports={ours: _is_able(able[name]) for name, ours in CAPABILITIES.items() if name in able},
    )


def _name(told: JsonObject, field: str) -> str | None:
    """A name; None for what is none, or cannot be kept."""
    value = told.get(field)
    is_name = isinstance(value, str) and value.strip() and len(value) <= MOST_LETTERS and "\0" not in value
    return value if is_name else None


def _is_able(capability: object) -> bool:
    return isinstance(capability, dict) and capability.get("supported") is True


def _tokens(value: object) -> int | None:
    """A limit; None for 0, too, by which Anthropic says that it knows none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value < MOST_TOKENS else None


def _seconds(moment: object) -> int:
    """Unix seconds of an RFC 3339 time; 0 where it is none, or one without its zone."""
    try:
        told = datetime.fromisoformat(str(moment))
    except ValueError:
        return 0
    return max(int(told.timestamp()), 0) if told.tzinfo else 0
