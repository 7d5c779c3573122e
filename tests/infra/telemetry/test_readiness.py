"""Readiness asks everything at once, waits for nobody long, and tells strangers little."""

import asyncio
import logging

import pytest

from contracts.errors import ApiError, ErrorCode
from infra.telemetry import readiness
from infra.telemetry.readiness import FRESH, Check, Readiness


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Asked:
    """A dependency that counts how often it was asked, and fails as told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.times = 0
        self.failure = failure

    async def __call__(self) -> None:
        """Answer."""
        self.times += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure


async def forever() -> None:
    """A dependency that never answers."""
    await asyncio.Event().wait()


async def test_all_well_is_ready() -> None:
    report = await Readiness([Check("kafka", True, Asked()), Check("objects", False, Asked())]).report()  # noqa: FBT003

    assert report.status == "ready"
    assert [(check.name, check.ok, check.needed, check.error) for check in report.checks] == [
        ("kafka", True, True, None),
        ("objects", True, False, None),
    ]


@pytest.mark.parametrize(("needed", "status"), [(True, "unready"), (False, "ready")])
async def test_only_what_is_needed_makes_unready(needed: bool, status: str) -> None:  # noqa: FBT001
    broken = Check("objects", needed, Asked(ConnectionError("no")))

    report = await Readiness([Check("kafka", needed=True, ask=Asked()), broken]).report()

    assert report.status == status
    assert [check.ok for check in report.checks] == [True, False]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ConnectionError("postgresql://jan:c4n4ry@10.0.0.7/jan"), "ConnectionError"),
        (ApiError(ErrorCode.DEPENDENCY_DOWN, "Draining"), "Draining"),
        (TimeoutError("c4n4ry"), "no answer within 2 s"),
        (ZeroDivisionError("c4n4ry"), "ZeroDivisionError"),
    ],
)
async def test_strangers_learn_what_but_not_where(failure: Exception, told: str) -> None:
    report = await Readiness([Check("database", needed=True, ask=Asked(failure))]).report()

    assert report.checks[0].error == told
    assert "c4n4ry" not in report.model_dump_json()


async def test_operators_find_the_reason_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await Readiness([Check("database", needed=True, ask=Asked(OSError("disk full")))]).report()

    assert [(record.message, vars(record)["reason"]) for record in caplog.records] == [
        ("check_failed", "OSError('disk full')")
    ]


async def test_one_that_never_answers_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_LIMIT", 0.05)
    checks = [Check(f"silent{number}", needed=True, ask=forever) for number in range(20)]

    async with asyncio.timeout(1):
        report = await Readiness([*checks, Check("kafka", needed=True, ask=Asked())]).report()

    assert report.status == "unready"
    assert [check.name for check in report.checks if check.ok] == ["kafka"]
    assert report.checks[0].milliseconds >= 50


async def test_many_probes_at_once_ask_once() -> None:
    asked = Asked()
    ready = Readiness([Check("kafka", needed=True, ask=asked)], Clock())

    reports = await asyncio.gather(*(ready.report() for _ in range(100)))

    assert asked.times == 1
    assert all(report is reports[0] for report in reports)


async def test_an_answer_is_good_for_a_moment_and_no_longer() -> None:
    asked, clock = Asked(), Clock()
    ready = Readiness([Check("kafka", needed=True, ask=asked)], clock)
    await ready.report()

    clock.now += FRESH * 0.9
    await ready.report()
    early = asked.times
    asked.failure = ConnectionError("gone")
    clock.now += FRESH * 0.2
    late = await ready.report()

    assert (early, asked.times) == (1, 2)
    assert late.status == "unready"


async def test_a_prober_that_goes_away_leaves_the_next_one_unharmed() -> None:
    ready = Readiness([Check("silent", needed=True, ask=forever)])
    first = asyncio.ensure_future(ready.report())
    await asyncio.sleep(0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.ensure_future(ready.report())
    await asyncio.sleep(0)

    assert not second.done()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_without_checks_a_process_is_ready() -> None:
    assert (await Readiness([]).report()).status == "ready"


async def test_what_costs_nothing_is_asked_every_time() -> None:
    dear, cheap = Asked(), Asked()
    checks = [
        Check("kafka", needed=True, ask=dear),
        Check("serving", needed=True, ask=cheap, is_instant=True),
    ]
    ready = Readiness(checks, Clock())
    await ready.report()

    cheap.failure = ConnectionError("stopping")
    report = await ready.report()

    assert report.status == "unready"
    assert [check.ok for check in report.checks] == [True, False]
    assert dear.times == 1
