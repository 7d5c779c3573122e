"""Who pays, and how much."""

from typing import Any, cast

import pytest
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from api_edge.deps import Limits, NoLimits
from api_edge.limits.middleware import RateLimits, kind_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from infra.limits.gate import Kind

CALLER = Caller(user_id="u", tenant="t")
CHAT = ("POST", "/v1/chat/completions")


class Counting(NoLimits):
    """Notes who paid, and refuses writes."""

    def __init__(self) -> None:
        self.paid: list[Kind] = []

    @override
    async def admit(self, scope: Scope, caller: Caller, kind: Kind) -> None:
        assert scope["state"]["caller"] is caller
        self.paid.append(kind)
        if kind is Kind.WRITES:
            raise ApiError(ErrorCode.RATE_LIMITED, "no")


async def pass_through(limits: Limits, method: str, path: str, caller: Caller | None = CALLER) -> bool:
    """Whether the request came through."""
    served = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served.append(scope)

    async def nothing(_: Message | None = None) -> Any:
        """No message comes or goes."""

    state = {} if caller is None else {"caller": caller}
    scope = {"type": "http", "method": method, "path": path, "state": state}
    await RateLimits(app, limits, [CHAT])(scope, cast("Receive", nothing), nothing)
    return bool(served)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v1/models", Kind.READS),
        ("HEAD", "/v1/models", Kind.READS),
        ("GET", "/v1/chat/completions", Kind.READS),
        ("POST", "/v1/responses", Kind.RESPONSES),
        ("POST", "/v1/responses/x/cancel", Kind.WRITES),
        ("DELETE", "/auth/api-keys/x", Kind.WRITES),
        ("PATCH", "/v1/users/me/settings", Kind.WRITES),
    ],
)
def test_a_request_costs_by_its_method_and_path(method: str, path: str, kind: Kind) -> None:
    assert kind_of(method, path) is kind


async def test_callers_pay_and_jobs_pay_later() -> None:
    limits = Counting()

    assert await pass_through(limits, "GET", "/v1/models")
    assert await pass_through(limits, *CHAT)
    assert await pass_through(limits, "GET", "/healthz", None)

    assert limits.paid == [Kind.READS]


async def test_who_is_refused_is_not_served() -> None:
    with pytest.raises(ApiError):
        await pass_through(Counting(), "POST", "/v1/jobs/x/cancel")
