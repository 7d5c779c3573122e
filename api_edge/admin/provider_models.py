"""Models of providers, as admins look after them: prices, limits, abilities, whether they are on offer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api_edge.middleware.paging import PageAsk, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.ids import PROVIDER_MODEL, is_id
from contracts.wire.admin_models import (
    PriceLine,
    Pricing,
    ProviderModel,
    ProviderModelPatch,
    ProviderModelToggle,
    Toggled,
    TokenLimits,
)
from contracts.wire.lists import Page
from infra.database import Database
from infra.notices import Notices
from infra.registry.reading import tell_changed
from infra.store.audit import Actor, note_change
from infra.store.provider_models import (
    ModelFilter,
    ProviderModelRow,
    locked_model,
    model_of,
    models_page,
    toggle_models,
)

THOUSAND = 1_000
PRICES = {"prompt": "input_price", "completion": "output_price", "cached": "cached_price"}
"""The column of each kind of token."""
ABILITIES = ("images", "tools", "embeddings", "reasoning", "audio", "video")
PLAIN = ("family", *(f"supports_{name}" for name in ABILITIES))


class UnknownModel(ApiError):
    """There is no provider's model of this id."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such provider model")


@dataclass(frozen=True)
class ProviderModels:
    """What an admin does with them. Each change is in the audit log, and felt everywhere within a second."""

    database: Database
    notices: Notices

    async def page(self, wanted: ModelFilter, ask: PageAsk) -> Page[ProviderModel]:
        """A part of those that fit. Raises ApiError for an unknown `after`."""
        async with self.database.begin() as session:
            rows, has_more = await models_page(
                session, wanted, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row, vendor) for row, vendor in rows], has_more, lambda model: model.id)

    async def read(self, model_id: str) -> ProviderModel:
        """One of them. Raises UnknownModel."""
        async with self.database.begin() as session:
            found = await model_of(session, _id(model_id))
        if found is None:
            raise UnknownModel
        return _view(*found)

    async def change(self, model_id: str, patch: ProviderModelPatch, by: Actor) -> ProviderModel:
        """Change what is given, for good. Raises UnknownModel."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            found = await locked_model(session, _id(model_id))
            if found is None:
                raise UnknownModel
            row, vendor = found
            changes = _take(row, patch)
            if changes:
                row.edited, row.updated_at = sorted({*row.edited, *changes}), now
                await session.flush()
                note_change(session, by, now, "provider_model.update", model_id, changes)
        if changes:
            await tell_changed(self.notices)
        return _view(row, vendor)

    async def toggle(self, ask: ProviderModelToggle, by: Actor) -> Toggled:
        """Switch many."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            checked, skipped, changed = await toggle_models(
                session, ask.provider_id, ask.except_models, ask.enable, now
            )
            for model_id in changed:
                change = {"active": [not ask.enable, ask.enable]}
                note_change(session, by, now, "provider_model.update", model_id, change)
        if changed:
            await tell_changed(self.notices)
        return Toggled(updated_count=len(changed), skipped_count=skipped, total_checked=checked)


def _take(row: ProviderModelRow, patch: ProviderModelPatch) -> dict[str, Any]:  # columns, by their names
    changes: dict[str, Any] = {}
    for column, value in _values(patch).items():
        if getattr(row, column) != value:
            changes[column] = [getattr(row, column), value]
            setattr(row, column, value)
    return changes


def _values(patch: ProviderModelPatch) -> dict[str, Any]:  # as above
    """The columns that a patch sets."""
    given = patch.model_fields_set
    values = {name: getattr(patch, name) for name in PLAIN if name in given}
    if "pricing" in given:
        values |= _prices(patch.pricing)
    if "token_limits" in given:
        limits = patch.token_limits or TokenLimits()
        told = limits.model_fields_set if patch.token_limits else TokenLimits.model_fields.keys()
        values |= {name: getattr(limits, name) for name in TokenLimits.model_fields if name in told}
    if patch.display_name is not None:
        values["display_name"] = patch.display_name
    if patch.active is not None:
        values["is_active"] = patch.active
    return values


def _prices(pricing: Pricing | None) -> dict[str, int | None]:
    """The columns of a price, in millionths of a dollar for a million tokens."""
    columns: dict[str, int | None] = dict.fromkeys(PRICES.values())
    for line in pricing.lines if pricing else ():
        _, size, kind, _ = line.unit.split("_")
        columns[PRICES[kind]] = line.amount_micro_usd * (THOUSAND if size == "1k" else 1)
    return columns


def _view(row: ProviderModelRow, vendor: str) -> ProviderModel:
    lines = [
        PriceLine.model_validate({"unit": f"per_1m_{kind}_tokens", "amount_micro_usd": getattr(row, column)})
        for kind, column in PRICES.items()
        if getattr(row, column) is not None
    ]
    return ProviderModel(
        id=row.provider_model_id,
        provider_id=row.provider_id,
        provider_vendor=vendor,
        model_catalog_id=row.catalog_id,
        model_public_id=row.catalog_id,
        provider_original_model_id=row.original_id,
        display_name=row.display_name,
        pricing=Pricing(lines=lines) if lines else None,
        token_limits=TokenLimits(
            context_length=row.context_length, max_completion_tokens=row.max_completion_tokens
        ),
        family=row.family,
        active=row.is_active,
        missing_since=row.missing_since,
        created_at=row.created_at,
        updated_at=row.updated_at,
        **{f"supports_{name}": getattr(row, f"supports_{name}") for name in ABILITIES},
    )


def _id(model_id: str) -> str:
    if not is_id(model_id, PROVIDER_MODEL):
        raise UnknownModel
    return model_id
