"""google_search: the web, by Serper or SearXNG; the next engine is asked where one fails.

    open_search(settings.search, redis, metrics)        # an async context manager that gives a GoogleSearch

opens it; `redis` is what `infra.relay.redis.open_redis` gives, `metrics` the worker's own. A call:

    tool       arguments are read; the cache may know; else
    choosing     engine by engine, each with its share of the time that is left
    gathering      page by page, until there are enough results of allowed hosts
    trying           a request, again where its failure may pass and its breaker lets it through
    serper, searxng    what an engine is asked, and how its answer is read
    answering            one exchange: limits on bytes, nothing followed, every failure in one sentence
    showing    what was found becomes the result; it is kept for who asks again

No failure of an engine becomes a result: when nobody answers, the call fails and says why, engine by engine.
"""

from workers.tool.search.opening import open_search
from workers.tool.search.tool import GoogleSearch

__all__ = ["GoogleSearch", "open_search"]
