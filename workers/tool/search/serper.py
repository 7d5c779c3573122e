"""Serper (serper.dev): Google's results as JSON, for a key."""

from aiohttp import ClientSession
from pydantic import SecretStr

from contracts.tools.search import SearchArguments
from workers.tool.core.hosts import host_of
from workers.tool.search.answering import Answer, exchange, judge, no_answer, object_in
from workers.tool.search.asking import place_of, query_of, sites_left_out
from workers.tool.search.engine import EngineFailed, Found, JsonObject, Outcome, Page
from workers.tool.search.texts import one_line

TELLS = {
    "answerBox": "answer_box",
    "knowledgeGraph": "knowledge_graph",
    "peopleAlsoAsk": "people_also_ask",
    "relatedSearches": "related_searches",
    "credits": "credits",
}
"""What it tells beside the results, and how the result names that."""
KNOWN = {"searchParameters", "organic", *TELLS}


class Serper:
    """An engine."""

    name = "serper"

    def __init__(self, session: ClientSession, url: str, key: SecretStr, most: int) -> None:
        self._session = session
        self._url = url
        self._key = key
        self._most = most

    def pages(self, asked: SearchArguments) -> range:
        """Its pages are as long as is asked for."""
        return range(asked.page, asked.page + 1)

    def not_honoured(self, asked: SearchArguments) -> list[str]:
        """It knows all of them."""
        return sites_left_out(asked)

    async def page(self, asked: SearchArguments, number: int) -> Page:
        """One of its pages. Raises EngineFailed."""
        answer = await exchange(
            self._session,
            self._url,
            most=self._most,
            headers={"X-API-KEY": self._key.get_secret_value()},
            json=body_of(asked, number),
        )
        _judge(answer)
        return page_of(object_in(answer.body))


def body_of(asked: SearchArguments, number: int) -> JsonObject:
    """What it is asked."""
    body: JsonObject = {
        "q": query_of(asked),
        "num": asked.num,
        "page": number,
        "autocorrect": asked.autocorrect,
        "gl": asked.gl and asked.gl.lower(),
        "hl": asked.hl and asked.hl.lower(),
        "location": place_of(asked),
        "tbs": asked.tbs,
    }
    return {name: value for name, value in body.items() if value is not None}


def page_of(told: JsonObject) -> Page:
    """What it found. Raises EngineFailed where that is not how it answers."""
    organic = told.get("organic", [])
    if not isinstance(organic, list) or not KNOWN & told.keys():
        raise no_answer("JSON of another shape")
    found = [one for entry in organic if (one := _found(entry))]
    if organic and not any(isinstance(entry, dict) and "link" in entry for entry in organic):
        raise no_answer("JSON of another shape")
    tells = {ours: told[theirs] for theirs, ours in TELLS.items() if told.get(theirs)}
    return Page(found, len(organic) - len(found), tells, told)


def _found(entry: object) -> Found | None:
    if not isinstance(entry, dict):
        return None
    url = entry.get("link")
    if not isinstance(url, str) or (host := host_of(url)) is None:
        return None
    title = one_line(entry.get("title")) or url
    return Found(title, url, host, one_line(entry.get("snippet")), one_line(entry.get("date")))


def _judge(answer: Answer) -> None:
    if answer.status == 400 and b"credit" in answer.body.lower():  # noqa: PLR2004  HTTP's own
        raise EngineFailed(Outcome.REFUSED, "no credits are left for it (HTTP status 400)")
    judge(answer, denied="it does not take this server's key")
