"""What a file says: for a process that may be killed, as pages and documents can be made to take for ever."""

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import html_to_markdown
import lxml.html
import pypdf
import trafilatura
from lxml import etree
from pypdf.errors import PyPdfError

from workers.tool.scrape.kinds import Kind, decoded, plain

MOST_PAGES = 500
"""Of a PDF."""
FEW = 200
"""Characters below which the main text was most likely not found."""
HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
NOT_TEXT = ("script", "style", "template", "noscript", "svg", "iframe", "object")
METADATA = (
    "author",
    "date",
    "description",
    "sitename",
    "hostname",
    "language",
    "image",
    "categories",
    "tags",
)
BLANK = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Wanted:
    """What is to be read, and how."""

    path: Path
    kind: Kind
    charset: str | None
    url: str
    has_markdown: bool
    max_bytes: int
    """Of a page; what is longer is cut."""
    is_quick: bool = False
    """Whether the main text is not looked for: the whole page is taken."""


@dataclass(frozen=True)
class Said:
    """What a file says."""

    text: str
    title: str | None = None
    markdown: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)  # what the page tells of itself
    is_cut: bool = False


@dataclass(frozen=True)
class Unreadable:
    """Why it cannot be read, for a sentence that begins with the page."""

    why: str


def read(wanted: Wanted) -> Said | Unreadable:
    """What a file says. It returns what other processes understand, and raises nothing of ours."""
    match wanted.kind:
        case Kind.PDF:
            return _pdf(wanted)
        case Kind.HTML:
            return _page(wanted)
        case Kind.TEXT:
            data, is_cut = _bytes(wanted)
            text = decoded(data, wanted.charset).strip()
            return Said(text, markdown=text if wanted.has_markdown else None, is_cut=is_cut)


def _page(wanted: Wanted) -> Said | Unreadable:
    data, is_cut = _bytes(wanted)
    tree = _tree(decoded(data, wanted.charset))
    if tree is None:
        return Unreadable("it has no text")
    markup = _visible(tree)
    title = _title(tree)
    text, markdown, metadata = "", None, {}
    if not wanted.is_quick:
        about = trafilatura.extract_metadata(markup, default_url=wanted.url).as_dict()
        metadata = {name: about[name] for name in METADATA if about.get(name)}
        title = about.get("title") or title
        text = _main(markup, wanted.url, "txt")
        markdown = _main(markup, wanted.url, "markdown") if wanted.has_markdown else None
    if len(text) < FEW:
        whole = _whole(tree)
        if len(whole) > len(text):
            text, markdown = whole, _converted(tree) if wanted.has_markdown else None
    return Said(plain(text), title, markdown, metadata, is_cut)


def _tree(text: str) -> lxml.html.HtmlElement | None:
    try:
        return lxml.html.document_fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError):
        return None


def _visible(tree: lxml.html.HtmlElement) -> str:
    """The page without what its readers do not see: text hidden in a page is meant for machines."""
    hidden = [
        element
        for element in tree.iter()
        if not isinstance(element.tag, str)
        or element.tag in NOT_TEXT
        or element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or HIDDEN.search(element.get("style") or "")
    ]
    for element in hidden:
        if element.getparent() is not None:
            element.drop_tree()
    return str(lxml.html.tostring(tree, encoding="unicode"))


def _main(markup: str, url: str, form: str) -> str:
    found = trafilatura.extract(
        markup,
        url=url,
        output_format=form,
        include_comments=False,
        include_tables=True,
        include_links=form == "markdown",
        include_formatting=form == "markdown",
    )
    return (found or "").strip()


def _part(tree: lxml.html.HtmlElement) -> lxml.html.HtmlElement:
    """Where the text most likely stands."""
    for name in ("main", "article", "body"):
        found = tree.find(f".//{name}")
        if found is not None and found.text_content().strip():
            return found
    return tree


def _whole(tree: lxml.html.HtmlElement) -> str:
    for element in tree.iter("p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section"):
        element.tail = "\n" + (element.tail or "")
    lines = (" ".join(line.split()) for line in _part(tree).text_content().split("\n"))
    return BLANK.sub("\n\n", "\n".join(lines)).strip()


def _converted(tree: lxml.html.HtmlElement) -> str:
    markup = str(lxml.html.tostring(_part(tree), encoding="unicode"))
    return plain(str(html_to_markdown.convert(markup).content or "")).strip()


def _title(tree: lxml.html.HtmlElement) -> str | None:
    found = tree.findtext(".//title")
    return " ".join(found.split()) or None if found else None


def _pdf(wanted: Wanted) -> Said | Unreadable:
    try:
        document = pypdf.PdfReader(io.BytesIO(wanted.path.read_bytes()))
        if document.is_encrypted and not document.decrypt(""):
            return Unreadable("the PDF is encrypted")
        pages = document.pages[:MOST_PAGES]
        text = "\n\n".join(page.extract_text() for page in pages)
        about: dict[str, Any] = dict(document.metadata or {})
        title = str(about.get("/Title") or "").strip() or None
        author = {"author": str(about["/Author"])} if "/Author" in about else {}
        count = len(document.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        return Unreadable(f"the PDF is broken ({type(error).__name__})")
    said = plain(text).strip()
    markdown = said if wanted.has_markdown else None
    return Said(said, title, markdown, {"pages": count, **author}, count > MOST_PAGES)


def _bytes(wanted: Wanted) -> tuple[bytes, bool]:
    with wanted.path.open("rb") as file:
        data = file.read(wanted.max_bytes + 1)
    return data[: wanted.max_bytes], len(data) > wanted.max_bytes
