"""Writes declared providers down, again and again: what is declared wins, but for whether it is active."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.ids import PROVIDER, new_id
from infra.registry.declared import DeclaredProvider
from infra.registry.naming import catalog_id_of
from infra.sealing import SealBroken, Sealer
from infra.store.audit import OPERATOR, note_change
from infra.store.provider_models import Listed, put_prices
from infra.store.providers import SEALED, ProviderRow, provider_called, providers_of

MILLION = 1_000_000
UNDECLARED = "undeclared"
"""The source of a provider that was declared once: switched off, until it is declared again."""
_TAKEN = (
    *("display_name", "vendor", "protocol", "auth", "endpoints", "models", "prefill", "tokenizer"),
    *("media", "limits", "meta", "enables_models"),
)


@dataclass(frozen=True)
class Declared:
    """What was written down."""

    made: int = 0
    changed: int = 0
    removed: int = 0


async def write_down(
    session: AsyncSession, sealer: Sealer, declared: Sequence[DeclaredProvider], source: str, now: datetime
) -> Declared:
    """Have these providers, and of this source no others active. `source`: `file` or `environment`."""
    made = changed = removed = 0
    for one in declared:
        row = await provider_called(session, one.name)
        if row is None:
            row = _new(one, source, now)
            session.add(row)
            _take(row, one, sealer, source)
            note_change(
                session, OPERATOR, now, "provider.create", row.provider_id, {"name": [None, one.name]}
            )
            made += 1
        elif fields := _take(row, one, sealer, source):
            row.revision, row.updated_at, row.sync_due_at = row.revision + 1, now, now
            changes = {field: ["[declared]", "[declared]"] for field in fields}
            note_change(session, OPERATOR, now, "provider.update", row.provider_id, changes)
            changed += 1
        await session.flush()
        await put_prices(session, row, _priced(one), now)
    names = {one.name for one in declared}
    for row in await providers_of(session, source):
        if row.name not in names and row.is_active:
            row.is_active, row.revision, row.updated_at = False, row.revision + 1, now
            row.source = UNDECLARED
            note_change(session, OPERATOR, now, "provider.update", row.provider_id, {"active": [True, False]})
            removed += 1
    return Declared(made, changed, removed)


def _new(one: DeclaredProvider, source: str, now: datetime) -> ProviderRow:
    return ProviderRow(
        provider_id=new_id(PROVIDER),
        name=one.name,
        display_name=one.display_name or one.name,
        vendor=one.vendor,
        endpoints=[],
        is_active=one.active,
        source=source,
        sync_due_at=now,
        created_at=now,
        updated_at=now,
    )


def _take(row: ProviderRow, one: DeclaredProvider, sealer: Sealer, source: str) -> list[str]:
    """Put what is declared into the row; which fields that changed."""
    values = {
        "display_name": one.display_name or one.name,
        "vendor": one.vendor,
        "protocol": one.protocol,
        "auth": one.header,
        "endpoints": one.addresses,
        "models": list(one.models),
        "prefill": one.prefill,
        "tokenizer": one.tokenizer,
        "media": one.media,
        "limits": {str(name): value for name, value in one.limits.items()},
        "meta": one.metadata,
        "enables_models": one.enables_models,
        "is_trusted": True,
    }
    fields = [name for name, value in values.items() if getattr(row, name) != value]
    for name in fields:
        setattr(row, name, values[name])
    if row.source == UNDECLARED:
        row.is_active = one.active
        fields.append("active")
    row.source = source
    if _put_key(row, one, sealer):
        fields.append("api_key")
    return fields


def _put_key(row: ProviderRow, one: DeclaredProvider, sealer: Sealer) -> bool:
    """Whether the key is another one. An equal one stays as it was sealed."""
    plain = one.api_key.get_secret_value() if one.api_key else None
    if plain == _opened(row, sealer) and (plain is None) == (row.sealed_key is None):
        return False
    row.sealed_key = None if plain is None else SEALED.seal(sealer, row.provider_id, plain)
    row.key_hint = None if plain is None else plain[-4:] if len(plain) > 8 else ""  # noqa: PLR2004  a placeholder
    return True


def _opened(row: ProviderRow, sealer: Sealer) -> str | None:
    if row.sealed_key is None:
        return None
    try:
        return SEALED.open(sealer, row.provider_id, row.sealed_key)
    except SealBroken:  # sealed under a key that is gone: it is declared anew
        return None


def _priced(one: DeclaredProvider) -> list[Listed]:
    """The models of which a price is declared."""
    found = []
    for model, price in one.prices.items():
        of_input, of_output = (int(Decimal(text) * MILLION) for text in price.split("/"))
        found.append(
            Listed(
                model,
                catalog_id_of(model, one.vendor),
                one.name,
                input_price=of_input,
                output_price=of_output,
            )
        )
    return found
