"""PostgreSQL as units of work: one request or one job is one transaction, and nobody else commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.errors import ApiError, ErrorCode
from infra.settings import DatabaseSettings

MAX_OVERFLOW = 0
"""The pool is the limit: a burst waits for a connection instead of opening more than the server can hold."""
RECYCLE_SECONDS = 1_800
RETRY_AFTER = 2.0
OUTAGES = ("08", "40", "53", "55", "57")
"""SQLSTATE classes that say the server cannot do it now: connection, conflict of transactions, resources,
locks, operator intervention."""
Transaction = AsyncSession
"""What `Database.begin` gives, for rooms that import no driver."""


class DatabaseUnavailable(ApiError):
    """PostgreSQL did not answer in time, or refused the connection."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.DEPENDENCY_DOWN, "The database does not answer", retry_after=RETRY_AFTER)


class Database:
    """A pool of connections, handed out as transactions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._sessions = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Raises DatabaseUnavailable when the server cannot do it now.
        """
        try:
            async with self._sessions.begin() as session:
                await _connect(session)
                yield session
        except DBAPIError as error:
            if _is_outage(error):
                raise DatabaseUnavailable from error
            raise

    async def ping(self) -> None:
        """Ask the server for a sign of life; raises DatabaseUnavailable."""
        async with self.begin() as session:
            await (await session.connection()).execute(text("SELECT 1"))


@asynccontextmanager
async def open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """A pool with the settings' limits. It connects when first used, so the database may come up later."""
    engine = create_async_engine(
        asyncpg_url(settings.url.get_secret_value()),
        pool_size=settings.pool_size,
        max_overflow=MAX_OVERFLOW,
        pool_timeout=settings.timeout,
        pool_recycle=RECYCLE_SECONDS,
        pool_pre_ping=True,  # a restarted server costs a reconnect, not a failed request
        hide_parameters=True,  # errors and logs show no values
        connect_args={
            "timeout": settings.timeout,
            "command_timeout": settings.timeout + 1,  # the server's own limit answers first, and says why
            "server_settings": _session_limits(settings.timeout),
        },
    )
    event.listen(engine.sync_engine, "handle_error", _on_error)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def asyncpg_url(url: str) -> URL:
    """The address in the form of the driver: its scheme, and libpq's `sslmode` under asyncpg's name."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    mode = parsed.query.get("sslmode")
    if mode is None:
        return parsed
    return parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _session_limits(timeout: float) -> dict[str, str]:
    milliseconds = str(int(timeout * 1_000))
    return {
        "application_name": "jan",
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }


async def _connect(session: AsyncSession) -> None:
    """Take the connection now, so that only connecting, and nothing of the caller's, is read as an outage."""
    try:
        await session.connection()
    except (OSError, PoolTimeoutError, DBAPIError) as error:
        raise DatabaseUnavailable from error


def _on_error(context: ExceptionContext) -> None:
    """A statement without any answer, as from a frozen server, ends by the driver's limit: no DBAPIError."""
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
        raise DatabaseUnavailable from context.original_exception


def _is_outage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or (state or "").startswith(OUTAGES)
