"""How much a model is to think before it answers.

Since Claude 4.6 a model finds that out itself (`adaptive`), within an effort; older ones are given a budget
of tokens, and newer ones refuse that. Which of the two a model is, only its name tells.

    enable_thinking: false, reasoning_effort: none     thinking is switched off
    reasoning_effort                                   adaptive with this effort, or a budget for it
    enable_thinking: true                              adaptive, or the budget of a medium effort
    thinking                                           as it is: who says it knows Anthropic

A budget is at most half of what may be written in all, and at least 1,024 tokens: where both cannot be, and
where a tool's result is told without the thoughts that led to its call, which Anthropic then refuses, an
older model answers without.
"""

import re

from workers.completion.core.anthropic.saying import invalid
from workers.completion.core.jsontext import JsonObject

FIRST_ADAPTIVE = (4, 6)
LEAST_BUDGET = 1_024
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
"""Tokens, by OpenAI's efforts."""
EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_VERSION = re.compile(r"(?<![a-z0-9])(\d{1,2})(?:[-.](\d{1,2}))?(?![0-9])")
"""`claude-3-7-sonnet-20250219`, `claude-opus-4-6`, `claude-sonnet-5`: a date is longer."""


def wanted_effort(body: JsonObject) -> str | None:
    """What is asked for: an effort, `none`, `default` for thinking as such; None for nothing. Raises
    ApiError."""
    effort = body.get("reasoning_effort")
    if effort not in (None, "none", *EFFORTS):
        raise invalid("reasoning_effort", f"`reasoning_effort` is none or one of {', '.join(EFFORTS)}.")
    if body.get("enable_thinking") is False:
        return "none"
    if effort is None:
        return "default" if body.get("enable_thinking") is True else None
    return str(effort)


def is_adaptive(model: str) -> bool:
    """Whether a model finds out itself how much to think; so do those whose names tell no version."""
    found = _VERSION.search(model)
    if found is None:
        return True
    return (int(found[1]), int(found[2] or 0)) >= FIRST_ADAPTIVE


def budget_of(effort: str | None, model: str) -> int:
    """The tokens of this effort; 0 where none are set apart."""
    if effort in (None, "none") or is_adaptive(model):
        return 0
    return BUDGETS["medium" if effort == "default" else str(effort)]


def thinking_fields(effort: str | None, model: str, max_tokens: int, *, unthought: bool) -> JsonObject:
    """The fields that ask for it."""
    if effort is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    if is_adaptive(model):
        fields: JsonObject = {"thinking": {"type": "adaptive", "display": "summarized"}}
        return fields if effort == "default" else fields | {"output_config": {"effort": EFFORTS[effort]}}
    budget = min(budget_of(effort, model), max_tokens // 2)
    if unthought or budget < LEAST_BUDGET:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}
