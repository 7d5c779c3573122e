"""SearXNG (docs.searxng.org/dev/search_api.html): a metasearch engine of the operator's own, asked for JSON.

It has no count of results: its pages are as long as its engines make them, so that several may be needed.
"""

from aiohttp import ClientSession

from contracts.tools.search import SearchArguments
from workers.tool.core.hosts import host_of
from workers.tool.search.answering import exchange, judge, no_answer, object_in
from workers.tool.search.asking import place_of, query_of, sites_left_out
from workers.tool.search.engine import EngineFailed, Found, JsonObject, Outcome, Page
from workers.tool.search.texts import one_line, shortened

PER_PAGE = 10
"""Results that one of its pages has at least, as a rule."""
MOST_PAGES = 5
"""That are read for one page of ours."""
RANGES = {"qdr:h": "day", "qdr:d": "day", "qdr:w": "week", "qdr:m": "month", "qdr:y": "year"}
REGION = 2
"""Letters."""
SHOWN = 10
"""Engines whose silence is told."""
TELLS = ("answers", "infoboxes", "corrections", "suggestions", "unresponsive_engines")
"""What it tells beside the results."""


class SearXNG:
    """An engine."""

    name = "searxng"

    def __init__(self, session: ClientSession, url: str, most: int) -> None:
        self._session = session
        self._url = search_url(url)
        self._most = most

    def pages(self, asked: SearchArguments) -> range:
        """As many as the number of results needs; none of them belongs to two pages of ours."""
        each = min(-(-asked.num // PER_PAGE), MOST_PAGES)
        first = (asked.page - 1) * each + 1
        return range(first, first + each)

    def not_honoured(self, asked: SearchArguments) -> list[str]:
        """It has no places, no country without a language, and no hours."""
        told = sites_left_out(asked)
        if place_of(asked):
            told.append("location: searxng knows no places; gl and hl tell it country and language")
        if asked.gl and not asked.hl:
            told.append("gl: searxng takes a country only with a language, hl")
        if asked.tbs == "qdr:h":
            told.append("tbs: searxng knows no hours; results are of the last day")
        return told

    async def page(self, asked: SearchArguments, number: int) -> Page:
        """One of its pages. Raises EngineFailed."""
        answer = await exchange(self._session, self._url, most=self._most, form=form_of(asked, number))
        judge(answer, denied="it refused us; its settings may not allow the format json")
        return page_of(object_in(answer.body))


def search_url(url: str) -> str:
    """Where it is asked, from its address."""
    url = url.rstrip("/")
    return url if url.endswith("/search") else f"{url}/search"


def form_of(asked: SearchArguments, number: int) -> dict[str, str]:
    """What it is asked: as a form, so that a long query fits, and stands in no access log."""
    form = {"q": query_of(asked), "format": "json", "pageno": str(number), "categories": "general"}
    if asked.hl:
        form["language"] = language_of(asked.hl, asked.gl)
    if asked.tbs:
        form["time_range"] = RANGES[asked.tbs]
    return form


def language_of(language: str, country: str | None) -> str:
    """`en-US` of `en` and `us`: it takes a language with a region of two letters, or without."""
    plain, _, rest = language.partition("-")
    region = country or (rest if len(rest) == REGION else "")
    return f"{plain.lower()}-{region.upper()}" if region else plain.lower()


def page_of(told: JsonObject) -> Page:
    """What it found. Raises EngineFailed: where that is not how it answers, where its engines are silent."""
    results = told.get("results")
    if not isinstance(results, list):
        raise no_answer("JSON of another shape")
    if not results and (silent := _silent(told.get("unresponsive_engines"))):
        raise EngineFailed(
            Outcome.NO_ANSWER, f"it found nothing, and engines of its own failed: {silent}", is_ill=False
        )
    if results and not any(isinstance(entry, dict) and "url" in entry for entry in results):
        raise no_answer("JSON of another shape")
    found = [one for entry in results if (one := _found(entry))]
    tells = {name: told[name] for name in TELLS if told.get(name)}
    return Page(found, len(results) - len(found), tells, told)


def _found(entry: object) -> Found | None:
    if not isinstance(entry, dict):
        return None
    url = entry.get("url")
    if not isinstance(url, str) or (host := host_of(url)) is None:
        return None
    title = one_line(entry.get("title")) or url
    return Found(title, url, host, one_line(entry.get("content")), one_line(entry.get("publishedDate")))


def _silent(engines: object) -> str:
    """As `brave (timeout), bing (CAPTCHA)`: it lists pairs of a name and a reason."""
    told = []
    for entry in engines if isinstance(engines, list) else []:
        match entry:
            case [str(name), str(reason), *_]:
                told.append(f"{shortened(name, 40)} ({shortened(reason, 80)})")
            case _:
                continue
    return ", ".join(told[:SHOWN])
