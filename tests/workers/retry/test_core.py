"""Where a record of a retry topic goes back to, and when."""

from collections.abc import Mapping

import pytest

from contracts.envelope import Lane
from contracts.topics import COMPLETION, EVENTS, RETRIES
from workers.retry.core import MAX_WAIT, BadRetry, Return, job_topics, return_of

ORIGIN = COMPLETION[Lane.FLEX]
NOW = 1_800_000_000.0
GOOD = {"x-origin-topic": ORIGIN.name, "x-not-before": f"{NOW + 10:.3f}", "x-retry-error": "busy"}


def back(headers: Mapping[str, str]) -> Return:
    return return_of(headers, job_topics(), NOW)


def test_a_record_goes_back_to_its_origin_when_it_is_due() -> None:
    way = back(GOOD)

    assert (way.topic, way.due) == (ORIGIN, NOW + 10)


def test_headers_of_the_wait_stay_behind_and_all_others_go_along() -> None:
    theirs = {"x-tries": "2", "traceparent": "00-1", "x-redrive": "1", "content-type": "application/json"}

    assert back(GOOD | theirs).headers == theirs


def test_a_moment_that_has_passed_long_ago_is_a_moment() -> None:
    assert back(GOOD | {"x-not-before": "0"}).due == 0


@pytest.mark.parametrize("moment", ["nan", "inf", "-inf", "", "soon", "1e400", f"{NOW + MAX_WAIT + 1}"])
def test_a_moment_that_is_none_or_too_far_away_is_refused(moment: str) -> None:
    with pytest.raises(BadRetry, match="x-not-before"):
        back(GOOD | {"x-not-before": moment})


@pytest.mark.parametrize(
    "name", ["", "nowhere.v1", EVENTS.name, RETRIES[10].name, ORIGIN.dead_letter, "x" * 10_000]
)
def test_only_topics_of_jobs_are_gone_back_to(name: str) -> None:
    with pytest.raises(BadRetry, match="x-origin-topic is no job topic") as refused:
        back(GOOD | {"x-origin-topic": name})

    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("name", ["x-origin-topic", "x-not-before"])
def test_a_record_without_a_way_back_is_refused(name: str) -> None:
    with pytest.raises(BadRetry, match=name):
        back({header: value for header, value in GOOD.items() if header != name})
