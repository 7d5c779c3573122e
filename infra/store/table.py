"""What every table shares: one metadata, whose constraints have names."""

from sqlalchemy import MetaData
from sqlmodel import SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names are the same on every server, so that a migration can name what it changes."""


class Table(SQLModel):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMES)
