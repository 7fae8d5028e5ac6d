"""Which links does an HTML page have, and is it a project's page at all?

The rule: links are found by the parser that pip finds them with (`html.parser`,
pip 22.0 … 26.3, index/collector.py `HTMLLinkParser`), so that no link is seen by
one and not by the other. It is fed slice by slice and its work is counted, so that
no page can keep us busy or fill the memory. Nothing here knows what a link means.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

ATTRIBUTES = (
    *("href", "data-requires-python", "data-yanked"),
    *("data-core-metadata", "data-dist-info-metadata"),
)

SLICE = 64 * 1024
"""Characters that are fed at once."""

LONGEST_TAG = 256 * 1024
"""Characters of one tag, comment or script: attributes become objects many times their size."""

MOST_PARTS = 16
"""Tags, and attributes, for each link that a page may have."""

# No character has so many digits, and reading them takes long in the oldest Pythons.
_ENDLESS_NUMBER = r"(?a)&#[xX]?[0-9a-fA-F]{32}"


class Links(NamedTuple):
    """What an HTML page says.

    Attributes:
        anchors: Of each `a` element those of its attributes that matter.
        base: The first `base` element's href, or None.
        version: `pypi:repository-version`, or None (PEP 629).
        titled: Whether title or heading say that here are the links for a project.
        login: Whether it asks for a password.
    """

    anchors: tuple[dict[str, str | None], ...]
    base: str | None
    version: str | None
    titled: bool
    login: bool


def links_of(text: str, most: int) -> Links:
    """Read the links of an HTML page, in its order.

    Args:
        text: The page, decoded.
        most: More `a` elements than that are refused, and what goes with them.

    Raises:
        ValueError: There is more, one tag is longer than `LONGEST_TAG`, or
            the parser of this Python gives up.
    """
    if text.count("<") > MOST_PARTS * most:
        raise ValueError(f"over {MOST_PARTS * most} tags")
    if re.search(_ENDLESS_NUMBER, text):
        raise ValueError("a character reference of no character")
    reader = _Reader(most)
    start = 0
    while start < len(text):
        # A slice ends where no tag is cut: a tag that is damaged as well could
        # be read otherwise than in one piece.
        cut = text.rfind("</a>", start + 1, start + SLICE)
        end = cut if cut > 0 and start + SLICE < len(text) else start + SLICE
        try:
            reader.feed(text[start:end])
        except (AssertionError, NotImplementedError) as error:  # a broken `<![` of Python ≤ 3.13
            raise ValueError(f"html.parser gives up: {error}") from error
        if len(reader.rawdata) > LONGEST_TAG:
            raise ValueError(f"a tag over {LONGEST_TAG} characters")
        start = end
    anchors = tuple(reader.anchors)
    return Links(anchors, reader.base, reader.version, reader.titled, reader.login)


class _Reader(HTMLParser):
    def __init__(self, most: int) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str | None]] = []
        self.base: str | None = None
        self.version: str | None = None
        self.titled = False
        self.login = False
        self._most = most
        self._attributes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what matters of an element."""
        self._attributes += len(attrs)
        if self._attributes > MOST_PARTS * self._most:
            raise ValueError(f"over {MOST_PARTS * self._most} attributes")
        if tag == "a":
            if len(self.anchors) >= self._most:
                raise ValueError(f"over {self._most} links")
            self.anchors.append({name: value for name, value in attrs if name in ATTRIBUTES})
            return
        found = dict(attrs)
        if tag == "base" and self.base is None:
            self.base = found.get("href")
        elif tag == "meta" and found.get("name") == "pypi:repository-version":
            self.version = found.get("content") or ""
        elif tag == "input":
            self.login = self.login or (found.get("type") or "").lower() == "password"

    def handle_data(self, data: str) -> None:
        """Look at what title and heading say."""
        if self.lasttag in {"title", "h1"}:
            self.titled = self.titled or "links for" in data[:200].lower()
