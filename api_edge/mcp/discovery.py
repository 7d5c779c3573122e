"""Leads MCP clients without credentials to who hands them out: RFC 9728, section 5.1."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_edge.errors import send_error
from api_edge.mcp.door import PATH
from api_edge.mcp.routes import METADATA_PATH
from contracts.errors import ApiError, ErrorType

CHALLENGE = b"www-authenticate"


class Discovery:
    """Adds the address of the endpoint's metadata to the challenge of its 401."""

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self._app = app
        self._where = f', resource_metadata="{base_url}{METADATA_PATH}{PATH}"'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError as what is behind it, but for that of a missing login."""
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except ApiError as error:
            if error.detail.type is not ErrorType.AUTH:
                raise
            await send_error(self._guiding(send), error.detail, scope["state"].get("request_id"))

    def _guiding(self, send: Send) -> Send:
        async def guided(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value + self._where if name == CHALLENGE else value)
                           for name, value in message["headers"]]  # fmt: skip
                message = {**message, "headers": headers}
            await send(message)

        return guided
