"""The corpus of bad input: what each case sends, byte for byte, and how it must be answered.

A case of `corpus/*.json` has an id, which begins with its number in the security notes, and

- `path`, `method`, `headers`, `as` (`nobody` sends no token); or `wire`, the whole request;
- a body: `body`, `hex`, or `with`, which is put into a good chat completion; `type`, its content type;
- `expect`: status, type, code, param. A case that passes where one might expect a refusal says `why`.

`<<a*3>>` stands for `aaa`; `{token}` and `{other}` for the tokens of two users.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.asking import CHAT

FOLDER = Path(__file__).parent / "corpus"
GOOD = '{"model": "scripted", "messages": [{"role": "user", "content": "hi"}], '
REPEATED = re.compile(r"<<(.*?)\*(\d+)>>", re.DOTALL)
REQUEST_ID = "corpus-1"
Row = dict[str, Any]  # as it stands in the file


@dataclass(frozen=True)
class Case:
    """One request."""

    row: Row

    @property
    def name(self) -> str:
        """Its number and what it is about."""
        return str(self.row["id"])

    @property
    def status(self) -> int:
        """Of its answer."""
        return int(self.row["expect"][0])

    @property
    def error(self) -> tuple[str | None, ...]:
        """Type, code and param of its answer, if that is an error."""
        kind, code, *param = self.row["expect"][1:]
        return (kind, code, param[0] if param else None)

    def is_known_by(self, request_id: str) -> bool:
        """Whether an answer may bear this request id."""
        wanted = self.row.get("request_id", None if "wire" in self.row else REQUEST_ID)
        return request_id.startswith("req_") if wanted in (None, "made") else request_id == wanted

    def sent(self, names: Mapping[str, str]) -> bytes:
        """Its bytes, for users with these tokens."""
        if "wire" in self.row:
            return _filled(self.row["wire"], names).encode("latin-1")
        body = self._body(names)
        lines = [f"{self.row.get('method', self._usual_method)} {self.row.get('path', CHAT)} HTTP/1.1"]
        lines += ["Host: test", f"Content-Length: {self.row.get('length', len(body))}", *self._headers()]
        return _filled("\r\n".join([*lines, "", ""]), names).encode("latin-1") + body

    @property
    def _usual_method(self) -> str:
        return "GET" if "path" in self.row else "POST"

    def _headers(self) -> Iterator[str]:
        given = self.row.get("headers", [])
        if not any(line.lower().startswith("x-request-id") for line in given):
            yield f"X-Request-Id: {REQUEST_ID}"
        if self.row.get("as") != "nobody":
            yield "Authorization: Bearer {token}"
        if (kind := self.row.get("type", "application/json")) is not None:
            yield f"Content-Type: {kind}"
        yield from given

    def _body(self, names: Mapping[str, str]) -> bytes:
        if "hex" in self.row:
            return bytes.fromhex(self.row["hex"])
        if "with" in self.row:
            return _repeated(GOOD + self.row["with"] + "}").encode()
        if "body" not in self.row and "path" not in self.row:
            return GOOD.rstrip(", ").encode() + b"}"
        return _filled(self.row.get("body", ""), names).encode()


def cases() -> list[Case]:
    """All of them."""
    return [
        Case(row) for file in sorted(FOLDER.glob("*.json")) for row in json.loads(file.read_text("utf-8"))
    ]


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return _repeated(text)


def _repeated(text: str) -> str:
    return REPEATED.sub(lambda found: found[1] * int(found[2]), text)
