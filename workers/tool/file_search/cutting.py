"""A text is cut into passages: at the end of a paragraph or of a sentence where one is near, and each passage
begins with the end of the one before.

Tokens are estimated, since each model has its own: five letters of English are one, and of other scripts so
many as take four bytes of UTF-8. The estimate is of the same text always the same.
"""

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

CJK = r"\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
"""Scripts that are written without spaces, or whose characters say about a word, with their punctuation."""
LONGEST_ATOM = 16
"""Characters that are not divided; longer words are."""
LETTERS = 5
"""Of a token, about."""
BYTES = 4
"""The same, where they are not all ASCII."""
_ATOM = re.compile(rf"[{CJK}]|[^\s{CJK}]{{1,{LONGEST_ATOM}}}")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_SENTENCE = re.compile(rf"[.!?:;\u2026\u061f\u06d4\u0964][\"'\u201d\u2019)\]]*$|[{CJK}]$")
_CJK_STOPS = "\u3002\uff01\uff1f\uff1b"
_CJK_RUN = re.compile(rf"[{CJK}]+")

WORD, SENTENCE, PARAGRAPH = 1, 2, 3
"""What ends behind an atom; within a word, 0."""


@dataclass(frozen=True)
class Atom:
    """What is never cut."""

    start: int
    end: int
    tokens: int
    ends: int
    """Of what it is the last part."""


@dataclass(frozen=True)
class Cut:
    """A text in parts."""

    spans: list[tuple[int, int]]
    """Where each passage begins and ends."""
    passages: list[str]
    tokens: int
    """Of the whole text."""


def cut(text: str, most: int, overlap: int) -> Cut:
    """Passages of at most so many tokens; `overlap` of them, or less, are those of the passage before."""
    atoms = _atoms(text)
    totals = list(accumulate((atom.tokens for atom in atoms), initial=0))
    spans, first = [], 0
    while first < len(atoms):
        after = _reach(totals, first, most)
        if after < len(atoms):
            after = _best_end(atoms, first, after)
        spans.append((atoms[first].start, atoms[after - 1].end))
        if after == len(atoms):
            break
        first = _next_start(atoms, totals, first, after, min(overlap, most // 2))
    return Cut(spans, [text[start:end] for start, end in spans], totals[-1])


def searchable(text: str) -> str:
    """A text as PostgreSQL finds its words: runs of CJK characters become pairs of neighbours."""
    return _CJK_RUN.sub(lambda run: f" {' '.join(_pairs(run.group()))} ", text)


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)] or [run]


def _atoms(text: str) -> list[Atom]:
    found = list(_ATOM.finditer(text))
    starts = [*(match.start() for match in found), len(text)][1:]
    return [
        Atom(match.start(), match.end(), _tokens(match.group()), _ends(text, match, following))
        for match, following in zip(found, starts, strict=True)
    ]


def _tokens(atom: str) -> int:
    return -(-len(atom) // LETTERS) if atom.isascii() else -(-len(atom.encode()) // BYTES)


def _ends(text: str, atom: re.Match[str], following: int) -> int:
    """What ends behind an atom, before the next one starts."""
    word, gap = atom.group(), text[atom.end() : following]
    if word[-1] in _CJK_STOPS:
        return PARAGRAPH if _PARAGRAPH.search(gap) else SENTENCE
    if not gap:
        return WORD if len(word) == 1 and _CJK_RUN.fullmatch(word) else 0
    if _PARAGRAPH.search(gap):
        return PARAGRAPH
    return SENTENCE if "\n" in gap or _SENTENCE.search(word) else WORD


def _reach(totals: list[int], first: int, most: int) -> int:
    """Behind the last atom that still fits; one always does."""
    after = first + 1
    while after < len(totals) - 1 and totals[after + 1] - totals[first] <= most:
        after += 1
    return after


def _best_end(atoms: list[Atom], first: int, after: int) -> int:
    """Behind the second half's last paragraph, else sentence, else word, else where it is full."""
    half = first + (after - first) // 2
    candidates = range(after, half, -1)
    for wanted in (PARAGRAPH, SENTENCE, WORD):
        for end in candidates:
            if atoms[end - 1].ends >= wanted:
                return end
    return after


def _next_start(atoms: list[Atom], totals: list[int], first: int, after: int, overlap: int) -> int:
    """Where the next passage begins: at a sentence in the overlap, else at a word, else where that starts."""
    earliest = after
    while earliest - 1 > first and totals[after] - totals[earliest - 1] <= overlap:
        earliest -= 1
    for wanted in (SENTENCE, WORD):
        for start in range(earliest, after):
            if atoms[start - 1].ends >= wanted:
                return start
    return earliest
