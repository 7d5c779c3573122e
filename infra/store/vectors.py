"""The type of a column of vectors, as the extension pgvector has it: each row with dimensions of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect, Text, cast
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import UserDefinedType
from typing_extensions import override

Numbers = Sequence[float]
"""PostgreSQL keeps them with 32 bits."""


class Vector(UserDefinedType[Numbers]):
    """A `vector` without fixed dimensions; it goes as text, which the server reads."""

    cache_ok = True

    @override
    def get_col_spec(self, **_options: Any) -> str:  # SQLAlchemy's own options
        """Its name in SQL."""
        return "VECTOR"

    @override
    def bind_expression(self, bindvalue: BindParameter[Numbers]) -> ColumnElement[Numbers]:
        return cast(cast(bindvalue, Text), self)

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        return lambda value: None if value is None else written(value)


def written(numbers: Sequence[float]) -> str:
    """A vector as pgvector reads it, with as many digits as 32 bits hold."""
    return f"[{','.join(map('{:.9g}'.format, numbers))}]"


ischema_names["vector"] = Vector  # SQLAlchemy knows a database's types by this table alone
