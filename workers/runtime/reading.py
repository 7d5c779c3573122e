"""A record becomes an envelope, or poison: not JSON, of another version, too big, too old."""

from datetime import UTC, datetime
from typing import Generic

from pydantic import TypeAdapter, ValidationError

from contracts.envelope import Envelope, JobT
from infra.bus.errors import Poison
from infra.bus.record import Record
from infra.settings import WorkerSettings


class Reading(Generic[JobT]):
    """Reads the records of one kind of job."""

    def __init__(self, payload: TypeAdapter[Envelope[JobT]], settings: WorkerSettings) -> None:
        self._payload = payload
        self._settings = settings

    def read(self, record: Record) -> Envelope[JobT]:
        """The envelope of a record that can be worked on. Raises Poison."""
        if len(record.value) > self._settings.max_record:
            raise Poison(f"too big: {len(record.value):,} bytes, at most {self._settings.max_record:,}")
        envelope = self.read_any(record)
        late = (datetime.now(UTC) - envelope.deadline).total_seconds()
        if late > self._settings.max_age:
            raise Poison(f"too old: its deadline passed {late:,.0f} s ago")
        return envelope

    def read_any(self, record: Record) -> Envelope[JobT]:
        """The envelope of any record, however old. Raises Poison where there is none."""
        try:
            return self._payload.validate_json(record.value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            if first["loc"] == ("version",):
                raise Poison("unknown version of an envelope; this worker reads version 1") from error
            where = ".".join(map(str, first["loc"])) or "the record"
            raise Poison(f"not an envelope of this topic: {where}: {first['msg']}") from error
