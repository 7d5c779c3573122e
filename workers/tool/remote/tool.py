"""One tool of another server."""

from collections.abc import Callable
from typing import Any

import mcp_types as types

from contracts.tools.spec import ToolResult, ToolSpec
from infra.settings import McpSettings
from workers.tool.core.arguments import BadArguments
from workers.tool.ports import Call, ToolFailed
from workers.tool.remote.checking import mistake
from workers.tool.remote.contact import Contact
from workers.tool.remote.speaking import Speech
from workers.tool.remote.watching import RemoteTrouble


class RemoteTool:
    """Called at its server. A call is made once: what was lost on the way may have been done."""

    def __init__(self, spec: ToolSpec, contact: Contact, settings: McpSettings) -> None:
        """`spec`: as its server gave it, under its own name."""
        self._spec = spec
        self._contact = contact
        self._settings = settings

    @property
    def spec(self) -> ToolSpec:
        """What it is."""
        return self._spec

    @property
    def off_reason(self) -> str | None:
        """Whether it can be called is found out by calling it."""
        return None

    async def call(self, call: Call) -> ToolResult:
        """Do it. Raises BadArguments, and ToolFailed with a sentence that names the server."""
        wrong = mistake(self._spec.input_schema, call.arguments)
        if wrong is not None:
            raise BadArguments(f"The arguments are not valid: {wrong}")
        try:
            async with self._contact.speech(call.deadline) as speech:
                await self._check_unchanged(speech)
                given = await speech.call(self._spec.name, call.arguments, call.tell)
                return self._result(given)
        except RemoteTrouble as error:
            raise ToolFailed(f"The server {self._contact.server.name} failed: {error}") from None

    async def _check_unchanged(self, speech: Speech) -> None:
        """Raises RemoteTrouble where the tool is not the one that was offered any more."""
        tools = {tool.name: tool for tool in await speech.tools(self._settings.max_tools)}
        now = tools.get(self._spec.name)
        if now is None:
            raise RemoteTrouble(f"it has no tool {self._spec.name} any more")
        if now.input_schema != self._spec.input_schema:
            raise RemoteTrouble(f"its tool {self._spec.name} was changed since it was listed")

    def _result(self, given: types.CallToolResult) -> ToolResult:
        shown = given.model_dump(mode="json", by_alias=True, exclude_none=True)
        structured = given.structured_content
        schema = self._spec.output_schema
        if schema is not None and not given.is_error and (wrong := mistake(schema, structured)):
            raise RemoteTrouble(f"its result is not what it promised: {wrong}")
        clean = _cleaner(self._contact.server.hidden)
        return ToolResult(
            content=clean(shown.get("content", [])),
            structured=clean(structured) if isinstance(structured, dict) else None,
            is_error=given.is_error,
        )


def _cleaner(secrets: Any) -> Callable[[Any], Any]:  # any JSON
    def clean(value: Any) -> Any:  # any JSON
        match value:
            case str():
                for secret in secrets:
                    value = value.replace(secret, "[redacted]") if secret else value
                return value
            case dict():
                return {clean(name): clean(one) for name, one in value.items()}
            case list():
                return [clean(one) for one in value]
            case _:
                return value

    return clean
