"""Tools for models that know no calls: asked for by a prompt, and written as JSON that a schema constrains.

    {"tool": "<name>", "arguments": {...}}   or   {"answer": "..."}

llama.cpp and vLLM make a grammar of the schema, so that even a small model writes nothing else. `prompted`
makes the request, `Step` reads the answer while it comes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from contracts.responses.plan import JsonObject
from contracts.responses.texts import read_json

TOOL, ARGUMENTS, ANSWER = "tool", "arguments", "answer"
KEYWORDS = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "additionalProperties"),
        *("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "description", "default"),
    )
)
"""Of JSON Schema, those that every grammar maker knows."""
MOST_DEPTH = 8
"""Of a tool's schema; what lies deeper may be anything."""
MOST_PUT_IN = 64
"""References of one schema: each puts in a copy, and those that name themselves many times grow without end.
What is referred to beyond them may be anything."""
MOST_TEXT = 1_000
"""Characters of one argument, where its schema sets no limit."""
OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_BEGUN = re.compile(r'\s*\{\s*"(answer|tool)"\s*:\s*')
_ESCAPE = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_LOCAL = re.compile(r"#/(?:\$defs|definitions)/([^/]+)")
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_INTRODUCTION = (
    "You can use these tools. Answer with one JSON object and nothing else: "
    '{"tool": "<name>", "arguments": {...}} to use a tool, '
)
_OR_ANSWER = 'or {"answer": "<text>"} to answer the user.'


def prompted(body: JsonObject, tools: Sequence[JsonObject], *, must_call: bool = False) -> JsonObject:
    """A chat without tools that asks for the same. `tools` as a chat has them; `must_call`: the model may not
    answer yet. A schema that the chat wants its answer to have is then that of `answer`."""
    functions = [tool["function"] for tool in tools]
    wanted = _wanted_schema(body)
    rest = {name: value for name, value in body.items() if name not in OF_TOOLS}
    schema = step_schema(functions, None if must_call else wanted)
    rest["messages"] = _instructed(_plain(body["messages"]), _instruction(functions, must_call=must_call))
    rest["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "step", "strict": True, "schema": schema},
    }
    return rest


def step_schema(functions: Sequence[JsonObject], answer: JsonObject | None) -> JsonObject:
    """What the model may write: a call of one of these, or an answer of this schema, if it may answer."""
    branches = [
        _object(
            {
                TOOL: {"type": "string", "const": function["name"]},
                ARGUMENTS: needed(simple(function.get("parameters") or {"type": "object"})),
            }
        )
        for function in functions
    ]
    if answer is not None:
        branches.append(_object({ANSWER: answer}))
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def simple(schema: Any) -> JsonObject:  # JSON Schema
    """A schema of plain keywords: local references are put in, and what is not known is left out."""
    return _Simpler(schema).schema(schema, 0)


def needed(schema: JsonObject) -> JsonObject:
    """What a call cannot do without: a model that was never taught to call tools fills in whatever it may, at
    any length. A call that needs nothing in particular may have all."""
    required, known = schema.get("required"), schema.get("properties")
    if not isinstance(required, list) or not isinstance(known, dict):
        return schema
    kept = {name: known[name] for name in known if name in required} or known
    return schema | {"properties": {name: _bounded(one) for name, one in kept.items()}}


def _bounded(schema: Any) -> Any:  # JSON Schema
    """A text that has an end."""
    is_open = isinstance(schema, dict) and schema.get("type") == "string"
    return {"maxLength": MOST_TEXT} | schema if is_open and not {"enum", "const"} & schema.keys() else schema


class Step:
    """What a model writes, read while it comes: an answer is told at once, a call when it is whole."""

    def __init__(self) -> None:
        self._text = ""
        self._kind: str | None = None
        """`answer`, `json` (an answer that is no text), `tool`, or `plain` for what keeps to no form."""
        self._at = 0
        """How much of it is told."""
        self._is_over = False

    @property
    def is_call(self) -> bool:
        """Whether it is the call of a tool."""
        return self._kind == TOOL

    def feed(self, piece: str) -> str:
        """The text that can be told now."""
        self._text += piece
        if self._kind is None:
            self._kind = self._recognised()
        match self._kind:
            case "answer":
                return self._unescaped()
            case "plain":
                told, self._at = self._text[self._at :], len(self._text)
                return told
            case _:
                return ""

    def end(self) -> str:
        """What is left to be told."""
        if self._kind != "json":
            return ""  # also where the model came no further than the form
        whole = read_json(self._text)
        answer = _json(whole[ANSWER]) if isinstance(whole, dict) and ANSWER in whole else None
        return self._text[self._at :].strip() if answer is None else answer

    @property
    def call(self) -> tuple[str, str] | None:
        """The name and the arguments of a call that is whole."""
        whole = read_json(self._text) if self._kind == TOOL else None
        if not isinstance(whole, dict) or not isinstance(whole.get(TOOL), str):
            return None
        arguments = _json(whole.get(ARGUMENTS) or {})
        return None if arguments is None else (whole[TOOL], arguments)

    def _recognised(self) -> str | None:
        begun = _BEGUN.match(self._text)
        if begun is None:
            return None if _may_begin(self._text) else "plain"
        if begun[1] == TOOL:
            return TOOL
        if begun.end() == len(self._text):
            return None
        self._at = begun.end()
        if self._text[self._at] != '"':
            return "json"
        self._at += 1
        return ANSWER

    def _unescaped(self) -> str:
        """The text of the answer as far as it is there; an escape that is cut waits."""
        told: list[str] = []
        while not self._is_over and self._at < len(self._text):
            if self._text[self._at] == "\\":
                escape = _ESCAPE.match(self._text, self._at)
                if escape is None and _CUT_ESCAPE.match(self._text, self._at):
                    break
                # what is no escape, such as the \d of a pattern, is what the model meant to say
                told.append("\\" if escape is None else json.loads(f'"{escape[0]}"'))
                self._at = self._at + 1 if escape is None else escape.end()
            elif self._text[self._at] == '"':
                self._is_over = True
            else:
                stop = _next_special(self._text, self._at)
                told.append(self._text[self._at : stop])
                self._at = stop
        return "".join(told)


def _json(value: Any) -> str | None:  # any JSON
    """Its text, or None where it has none: too deep, or a number beyond a double."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None


def _next_special(text: str, at: int) -> int:
    stops = [stop for stop in (text.find("\\", at), text.find('"', at)) if stop >= 0]
    return min(stops, default=len(text))


def _may_begin(text: str) -> bool:
    """Whether what follows may still make a step of it."""
    squeezed = "".join(text.split())
    return any(start.startswith(squeezed) for start in ('{"answer":', '{"tool":'))


def _object(properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


class _Simpler:
    """What one schema defines, and how many references to it may still be put in."""

    def __init__(self, whole: Any) -> None:  # JSON Schema
        self._known: JsonObject = {}
        self._left = MOST_PUT_IN
        for name in ("definitions", "$defs"):
            known = whole.get(name) if isinstance(whole, dict) else None
            self._known |= known if isinstance(known, dict) else {}

    def schema(self, schema: Any, depth: int) -> JsonObject:  # JSON Schema
        """A schema in it, made plain."""
        if not isinstance(schema, dict) or depth > MOST_DEPTH:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._put_in(schema["$ref"], depth + 1)
        return {
            name: self._part(name, value, depth + 1) for name, value in schema.items() if name in KEYWORDS
        }

    def _put_in(self, reference: str, depth: int) -> JsonObject:
        named = _LOCAL.fullmatch(reference)
        self._left -= 1
        return self.schema(self._known.get(named[1]), depth) if named and self._left >= 0 else {}

    def _part(self, name: str, value: Any, depth: int) -> Any:  # JSON Schema
        match name, value:
            case "properties", dict():
                return {one: self.schema(schema, depth) for one, schema in value.items()}
            case "properties", _:
                return {}
            case ("items", _) | ("additionalProperties", dict()):
                return self.schema(value, depth)
            case "anyOf", list():
                return [self.schema(one, depth) for one in value]
            case _:
                return value


def _wanted_schema(body: JsonObject) -> JsonObject:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return simple((wanted.get("json_schema") or {}).get("schema") or {})
    return {"type": "object"} if wanted.get("type") == "json_object" else {"type": "string"}


def _instruction(functions: Sequence[JsonObject], *, must_call: bool) -> str:
    lines = [_INTRODUCTION + ("and use one now." if must_call else _OR_ANSWER)]
    for function in functions:
        parameters = needed(simple(function.get("parameters"))).get("properties", {})
        about = str(function.get("description") or "").partition("\n")[0]
        lines.append(f"- {function['name']}({', '.join(parameters)}): {about}")
    return "\n".join(lines)


def _instructed(messages: list[JsonObject], instruction: str) -> list[JsonObject]:
    if messages and messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str):
        first = messages[0] | {"content": f"{messages[0]['content']}\n\n{instruction}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": instruction}, *messages]


def _plain(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """Messages without calls and outputs: both as texts."""
    names: dict[object, str] = {}
    told: list[JsonObject] = []
    for message in messages:
        calls = message.get("tool_calls") or ()
        if message.get("role") == "tool":
            name = names.get(message.get("tool_call_id"), "the tool")
            told.append({"role": "user", "content": f"Result of {name}: {_text(message.get('content'))}"})
        elif not calls or message.get("content"):
            told.append({name: value for name, value in message.items() if name != "tool_calls"})
        for call in calls:
            names[call.get("id")] = call["function"]["name"]
            told.append({"role": "assistant", "content": _written(call["function"])})
    return told


def _text(content: Any) -> str:  # a chat's content
    """A text, or those of its parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return str(content or "")


def _written(function: JsonObject) -> str:
    arguments = read_json(function.get("arguments") or "{}")
    return json.dumps({TOOL: function["name"], ARGUMENTS: arguments or {}}, ensure_ascii=False)
