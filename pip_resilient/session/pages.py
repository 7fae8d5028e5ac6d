"""What have the index pages said that passed through?

The rule: a page is kept as it came and read only when something on it is
wanted: a digest, or which project a file belongs to. Who served a page is kept
with it, so that no digest is ever said to be named by somebody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pip_resilient.policy import digests
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pip_resilient.policy.digests import Digest

_MOST = 8 << 20
"""Bytes of pages that wait to be read: memory stays flat."""


class Page(Record):
    """An index page as pip got it.

    Attributes:
        url: The URL that pip asked for.
        content_type: Its Content-Type.
        content: Its bytes.
        served_by: The host that named what is on it, where that is another.
        known: Whether it is an index's own all the same: its last good one, or PyPI's.
    """

    url: str
    content_type: str
    content: bytes
    served_by: str | None = None
    known: bool = False


class Named(Record):
    """What a page says of a file.

    Attributes:
        digest: The file's digest.
        page_url: The page's URL.
        size: The file's size in bytes, or None.
        served_by: As of the page.
    """

    digest: Digest
    page_url: str
    size: int | None = None
    served_by: str | None = None


class Pages:
    """The pages of a run."""

    def __init__(self) -> None:
        self._waiting: list[Page] = []
        self._size = 0
        self._named: dict[str, Named] = {}
        self._named_itself: dict[str, tuple[Digest, ...]] = {}
        self._served_by: dict[str, str | None] = {}
        self._claimed: set[str] = set()
        self._has_strange = False

    def passed(self, page: Page) -> None:
        """Keep a page.

        Of all pages the last `_MOST` bytes are kept; what pip's Downloader
        fetches carries the digest with its link.
        """
        self._waiting.append(page)
        self._size += len(page.content)
        self._served_by[digests.normalised(page.url)] = page.served_by
        self._has_strange = self._has_strange or page.served_by is not None
        while self._size > _MOST and len(self._waiting) > 1:
            self._size -= len(self._waiting.pop(0).content)

    def named(self, url: str) -> Named | None:
        """Return what a page said of the file at this URL; of several the newest."""
        while self._waiting:
            page = self._waiting.pop(0)
            self._size -= len(page.content)
            found = digests.on_page(page.content, page.content_type, page.url, page.served_by)
            for file_url, (digest, size) in found.items():
                before = self._named_itself.get(file_url, ())
                if (page.served_by is None or page.known) and digest not in before:
                    self._named_itself[file_url] = (*before, digest)
                self._named[file_url] = Named(digest, page.url, size, page.served_by)
        return self._named.get(digests.normalised(url))

    def has_named(self, url: str, algorithm: str, value: str) -> bool:
        """Tell whether some index itself has named this digest for the file at this URL."""
        self.named(url)  # reads what waits
        said = self._named_itself.get(digests.normalised(url), ())
        return any((one.algorithm, one.value) == (algorithm, value) for one in said)

    def unread(self) -> tuple[Page, ...]:
        """Return the newest pages: those of which nothing was wanted yet."""
        return tuple(self._waiting)

    def vouch(self, url: str, hashes: Iterable[tuple[str, str]]) -> None:
        """Note what the last good page of an index says itself of a file at a URL."""
        key = digests.normalised(url)
        said = (digests.Digest(algorithm, value, "") for algorithm, value in hashes)
        self._named_itself[key] = (*self._named_itself.get(key, ()), *said)

    def claim(self, urls: Iterable[str]) -> None:
        """Note URLs of files of another host that only a page of somebody else has named."""
        self._claimed.update(map(digests.normalised, urls))

    def is_claimed(self, url: str) -> bool:
        """Tell whether nobody but a stranger says that there is such a file."""
        return bool(self._claimed) and digests.normalised(url) in self._claimed

    def is_strange(self, url: str) -> bool:
        """Tell whether pip knows this URL from a page that another index has served."""
        if not self._has_strange:
            return False  # and no page is read for it
        named = self.named(url)
        return named is not None and named.served_by is not None

    def namer(self, page_url: str) -> str | None:
        """Return the host that named what is on a page, None where it is the page's own."""
        return self._served_by.get(digests.normalised(page_url))


def listed_by(page_url: str) -> tuple[str, str] | None:
    """Return the index and the project that a page's URL is made of, None where it is neither."""
    try:
        parts = urlsplit(page_url)
    except ValueError:  # no URL
        return None
    above, _, project = parts.path.rstrip("/").rpartition("/")
    if not project:
        return None
    return parts._replace(path=above + "/", query="", fragment="").geturl(), unquote(project)
