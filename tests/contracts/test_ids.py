"""ULIDs rise, whatever the clock does, and public ids lead back to their jobs."""

import threading
import time

import pytest

from contracts.ids import (
    UlidClock,
    born_at,
    chat_id,
    is_request_id,
    is_ulid,
    job_id_of,
    new_request_id,
    new_ulid,
)

MANY = 20_000
HIGHEST = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"


def test_ids_made_one_after_another_rise_and_are_all_different() -> None:
    made = [new_ulid() for _ in range(MANY)]

    assert made == sorted(set(made))
    assert all(is_ulid(ulid) for ulid in made)


def test_threads_never_get_the_same_id() -> None:
    clock = UlidClock()
    made: list[str] = []

    def work() -> None:
        made.extend([clock.next() for _ in range(2_000)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == len(made)


def test_ids_rise_also_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([2_000_000_000_000_000_000, 1_000_000_000_000_000_000, 1_000_000_000_000_000_000])
    clock = UlidClock()
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))

    made = [clock.next() for _ in range(3)]

    assert made == sorted(set(made))
    assert {born_at(ulid) for ulid in made} == {2_000_000_000.0}


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time()

    ulid = new_ulid()

    assert before - 0.002 <= born_at(ulid) <= time.time() + 0.002


def test_the_example_of_the_specification_is_read_right() -> None:
    assert born_at("01ARYZ6S41TSV4RRFFQ69G5FAV") == 1469918176.385


@pytest.mark.parametrize(
    "value",
    [
        "",
        "01ARYZ6S41TSV4RRFFQ69G5FA",
        "01ARYZ6S41TSV4RRFFQ69G5FAVV",
        "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "01aryz6s41tsv4rrffq69g5fav",
        "01ARYZ6S41TSV4RRFFQ69G5FAI",
        "01ARYZ6S41TSV4RRFFQ69G5FAV\n",
        "01ARYZ6S41TSV4RRFFQ69G5FA٣",
    ],
)
def test_what_is_no_ulid_is_told_apart(value: str) -> None:
    assert not is_ulid(value)
    assert job_id_of(f"chatcmpl-{value}") is None


def test_a_public_id_leads_back_to_its_job() -> None:
    assert job_id_of(chat_id(HIGHEST)) == HIGHEST
    assert job_id_of(HIGHEST) == HIGHEST


def test_a_made_request_id_is_one_that_would_be_kept() -> None:
    assert is_request_id(new_request_id())


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a", True),
        ("req_01J:x.y-z", True),
        ("x" * 128, True),
        ("", False),
        ("x" * 129, False),
        ("two words", False),
        ("line\nbreak", False),
        ("ends\n", False),
        ("ümlaut", False),
        ('"quoted"', False),
    ],
)
def test_a_clients_request_id_is_kept_only_when_it_is_harmless(value: str, kept: bool) -> None:  # noqa: FBT001
    assert is_request_id(value) is kept
