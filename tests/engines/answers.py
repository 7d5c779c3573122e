"""What the engines answer when all is well, in their own words."""

from typing import Any

from tests.engines.script import Request, Script

Json = dict[str, Any]  # an engine's answer


def usual(request: Request, script: Script) -> Json:
    """Results for what was asked, numbered through all pages."""
    return serper(request.asked, script) if request.engine == "serper" else searxng(request.asked, script)


def serper(asked: Json, script: Script) -> Json:
    """As serper.dev answers."""
    count, page = asked.get("num", script.results), asked.get("page", 1)
    organic = [
        {
            "title": f"Title {number}",
            "link": f"https://{script.host.format(number)}/page/{number}",
            "snippet": f"Snippet {number}",
            "date": "Nov 20, 2026",
            "position": number,
        }
        for number in _numbers(count, page, script.last)
    ]
    return {
        "searchParameters": {**asked, "type": "search", "engine": "google"},
        "organic": organic,
        "answerBox": {"answer": "42"},
        "relatedSearches": [{"query": "more"}],
        "credits": 1,
    }


def searxng(asked: Json, script: Script) -> Json:
    """As SearXNG answers."""
    results = [
        {
            "title": f"Title {number}",
            "url": f"https://{script.host.format(number)}/page/{number}",
            "content": f"Snippet {number}",
            "publishedDate": "2026-11-20T00:00:00",
            "engine": "duckduckgo",
        }
        for number in _numbers(script.results, int(asked.get("pageno", 1)), script.last)
    ]
    return {
        "query": asked["q"],
        "number_of_results": 0,
        "results": results,
        "answers": [],
        "suggestions": ["more"],
        "unresponsive_engines": [["brave", "timeout"]],
    }


def _numbers(count: int, page: int, last: int) -> range:
    first = (page - 1) * count + 1
    return range(first, first + count if page <= last else first)
