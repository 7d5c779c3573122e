"""The tracker and its metadata, by themselves."""

import random

import pytest

from infra.bus.offsets import Tracker, decode_done, encode_done


def finish_all(tracker: Tracker, offsets: list[int]) -> None:
    for offset in offsets:
        tracker.finish(offset)


def test_the_base_waits_for_the_first_unfinished_record() -> None:
    tracker = Tracker(10)
    for offset in range(10, 15):
        tracker.admit(offset)

    finish_all(tracker, [11, 12, 14])

    assert (tracker.base, tracker.head, tracker.finished_above) == (10, 10, 3)


def test_the_base_jumps_over_what_finished_meanwhile() -> None:
    tracker = Tracker(10)
    for offset in range(10, 15):
        tracker.admit(offset)
    finish_all(tracker, [11, 12, 14])

    tracker.finish(10)

    assert tracker.base == 13


def test_gaps_in_the_log_do_not_hold_the_base() -> None:
    tracker = Tracker(0)
    for offset in (0, 5, 6, 20):
        tracker.admit(offset)

    finish_all(tracker, [0, 5, 6, 20])

    assert tracker.base == 21


def test_a_partition_without_a_commit_begins_with_its_first_record() -> None:
    tracker = Tracker()

    assert not tracker.is_changed
    assert tracker.admit(7)
    assert tracker.base == 7


def test_a_record_seen_before_is_not_admitted_again() -> None:
    tracker = Tracker(0)
    tracker.admit(0)

    assert tracker.has_passed(0)
    assert not tracker.admit(0)


def test_what_a_former_owner_finished_does_not_run() -> None:
    tracker = Tracker(3, {4, 6})

    admitted = [offset for offset in range(3, 8) if tracker.admit(offset)]

    assert admitted == [3, 5, 7]


def test_finishing_twice_or_below_the_base_changes_nothing() -> None:
    tracker = Tracker(5)
    tracker.admit(5)
    tracker.finish(5)
    tracker.mark()

    finish_all(tracker, [5, 2])

    assert not tracker.is_changed


def test_a_mark_counts_as_committed_until_touched() -> None:
    tracker = Tracker(0)
    tracker.admit(0)
    tracker.finish(0)

    assert tracker.mark() == (1, "")
    assert not tracker.is_changed
    tracker.touch()
    assert tracker.is_changed


def test_the_progress_of_another_owner_is_learnt() -> None:
    tracker = Tracker(0)
    for offset in range(4):
        tracker.admit(offset)

    tracker.learn(2, {3, 5})

    assert tracker.base == 2
    tracker.finish(2)
    assert tracker.base == 4
    assert [offset for offset in (4, 5, 6) if tracker.admit(offset)] == [4, 6]


def test_done_offsets_that_never_come_are_forgotten_below_the_base() -> None:
    tracker = Tracker(0, {1})
    tracker.admit(0)
    tracker.admit(5)
    finish_all(tracker, [0, 5])

    assert tracker.mark() == (6, "")


@pytest.mark.parametrize("seed", range(40))
def test_in_any_order_nothing_unfinished_lies_below_the_base(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  reproducible
    offsets = sorted(chance.sample(range(500), 120))
    tracker = Tracker(0)
    running: list[int] = []
    finished: set[int] = set()
    waiting = list(offsets)
    while waiting or running:
        if waiting and (not running or chance.random() < 0.6):
            offset = waiting.pop(0)
            assert tracker.admit(offset)
            running.append(offset)
        else:
            offset = running.pop(chance.randrange(len(running)))
            tracker.finish(offset)
            finished.add(offset)
        base, metadata = tracker.mark()
        assert all(offset in finished for offset in offsets if offset < base)
        told = decode_done(base, metadata)
        assert told == {offset for offset in finished if offset >= base}

    assert tracker.base == offsets[-1] + 1


@pytest.mark.parametrize("seed", range(20))
def test_a_successor_runs_exactly_what_was_unfinished(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  reproducible
    first = Tracker(0)
    for offset in range(200):
        first.admit(offset)
    finished = set(chance.sample(range(200), chance.randrange(200)))
    finish_all(first, list(finished))
    base, metadata = first.mark()

    successor = Tracker(base, decode_done(base, metadata))
    run = {offset for offset in range(base, 250) if successor.admit(offset)}

    assert run == set(range(250)) - finished


@pytest.mark.parametrize("seed", range(20))
def test_metadata_says_what_it_was_told(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  reproducible
    base = chance.randrange(1 << 40)
    done = {base + chance.randrange(1, 100_000) for _ in range(300)}

    metadata = encode_done(base, done)

    assert decode_done(base, metadata) == done


def test_metadata_that_is_too_long_is_cut_and_stays_true() -> None:
    done = set(range(1, 20_000, 2))

    metadata = encode_done(0, done, limit=4_000)

    told = decode_done(0, metadata)
    assert len(metadata) <= 4_000
    assert told < done
    assert told == set(sorted(done)[: len(told)])


@pytest.mark.parametrize("foreign", ["", "something else", "w1:%%%", "w1:////////////8=", "w1:AQ=="])
def test_foreign_metadata_tells_nothing_or_little(foreign: str) -> None:
    assert len(decode_done(0, foreign)) <= 1_000_000


def test_hundreds_of_jobs_in_flight_fit_the_metadata() -> None:
    tracker = Tracker(0)
    for offset in range(50_000):
        tracker.admit(offset)
    finish_all(tracker, [offset for offset in range(50_000) if offset % 100])

    base, metadata = tracker.mark()

    assert len(decode_done(base, metadata)) == tracker.finished_above == 49_500
