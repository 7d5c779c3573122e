"""What an engine is asked."""

import pytest

from contracts.tools.search import SearchArguments
from workers.tool.core.arguments import BadArguments, read_arguments
from workers.tool.search.asking import LONGEST_QUERY, place_of, query_of, question_of, sites_left_out


def asked(**given: object) -> SearchArguments:
    return read_arguments(SearchArguments, {"q": "cats", **given})


@pytest.mark.parametrize(
    ("hosts", "query"),
    [
        ([], "cats"),
        (["a.org"], "cats site:a.org"),
        (["A.org", "b.org"], "cats (site:a.org OR site:b.org)"),
    ],
)
def test_allowed_hosts_stand_in_the_query(hosts: list[str], query: str) -> None:
    assert query_of(asked(domain_allow_list=hosts)) == query


def test_hosts_that_do_not_fit_are_told() -> None:
    many = [f"{'h' * 50}{number}.example" for number in range(100)]

    query = query_of(asked(q="c" * 1_000, domain_allow_list=many))

    assert len(query) <= LONGEST_QUERY
    fit = query.count("site:")
    assert 0 < fit <= 30
    assert sites_left_out(asked(q="c" * 1_000, domain_allow_list=many)) == [
        f"domain_allow_list: {fit} of 100 hosts fit into a query; results are of all of them"
    ]
    assert sites_left_out(asked(domain_allow_list=many[:5])) == []


def test_the_hint_is_the_place_where_none_is_given() -> None:
    assert place_of(asked()) is None
    assert place_of(asked(location_hint="Oslo")) == "Oslo"
    assert place_of(asked(location="Bergen", location_hint="Oslo")) == "Bergen"


def test_every_argument_but_offline_mode_makes_another_question() -> None:
    others: list[dict[str, object]] = [
        {"q": "dogs"},
        {"gl": "us"},
        {"hl": "en"},
        {"location": "Oslo"},
        {"num": 9},
        {"tbs": "qdr:d"},
        {"page": 2},
        {"autocorrect": False},
        {"domain_allow_list": ["a.org"]},
        {"location_hint": "Oslo"},
    ]

    questions = {question_of(asked(**other)) for other in [{}, *others]}

    assert len(questions) == len(others) + 1
    assert question_of(asked(offline_mode=True)) == question_of(asked())


def test_empty_texts_are_arguments_that_are_not_given() -> None:
    given = asked(gl="", hl=" ", location="", tbs="", location_hint="", q="  cats ")

    assert given == asked()


@pytest.mark.parametrize(
    "bad",
    [
        {"q": ""},
        {"q": "  "},
        {"q": "c" * 2_049},
        {"q": None},
        {"num": 0},
        {"num": 101},
        {"num": "many"},
        {"page": 0},
        {"page": 101},
        {"tbs": "qdr:x"},
        {"tbs": "qdr:d,sbd:1"},
        {"gl": "usa"},
        {"hl": "english"},
        {"location": "p" * 257},
        {"domain_allow_list": ["*.example.org"]},
        {"domain_allow_list": ["https://example.org"]},
        {"domain_allow_list": ["example"]},
        {"domain_allow_list": ["a.org) OR (site:b.org"]},
        {"domain_allow_list": ["a.org"] * 101},
    ],
)
def test_arguments_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(BadArguments, match="not valid"):
        asked(**bad)
