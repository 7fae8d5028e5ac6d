"""What is remembered beyond one request, and beyond this run?

The rule: it only ever helps. Whatever is missing, unreadable, somebody else's
or from the future counts as not remembered.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

from pip_resilient.mirrors import simple_pages
from pip_resilient.policy import breaker
from pip_resilient.policy.origins import host_of
from pip_resilient.store.folder import Folder
from pip_resilient.store.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.mirrors.group import Asked
    from pip_resilient.store.last_good import LastGood


class Good(NamedTuple):
    """What an index itself said last of a project.

    Attributes:
        page: Its last good page, or None.
        fetched_at: When it said so, in seconds since 1970.
        mark: The highest serial that it ever said, or None.
    """

    page: simple_pages.Page | None
    fetched_at: float | None
    mark: int | None


class Again(NamedTuple):
    """A last good page, to be shown once more.

    Attributes:
        content: In the form that pip asked for.
        content_type: That form.
        age: In seconds.
    """

    content: bytes
    content_type: str
    age: float


class Memory:
    """What a run remembers.

    Args:
        folder: Where it is kept for other runs, or None: nowhere.
        last_good: The last good pages of indexes.
        wall_clock: Gives the seconds since 1970.

    Attributes:
        pages_there: Pages of other indexes, by the URL that they were asked for at.
        private_there: URLs of those that came from a private network.
    """

    def __init__(
        self, folder: str | None, last_good: LastGood, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.now = wall_clock
        root = None if folder is None else Folder.open(folder)
        self.hosts = Hosts(None if root is None else root.sub("hosts"), wall_clock)
        self.last_good = last_good
        self.pages_there: dict[str, simple_pages.Page] = {}
        self.private_there: set[str] = set()

    def in_order(self, origin: str | None, spares: list[str]) -> list[str]:
        """Return URLs in the order in which to ask their hosts.

        Args:
            origin: The one that pip asked for; None where it is not to be asked.
            spares: Those of the spares, as configured.
        """
        return breaker.in_order(
            origin, spares, lambda url: self.hosts.health_of(host_of(url)), self.now()
        )

    def date(self) -> str:
        """Return this moment as an HTTP-date (RFC 9110 §5.6.7)."""
        return formatdate(self.now(), usegmt=True)

    def last_good_page(self, asked: Asked) -> Good:
        """Return what is known of a project's page from its own index."""
        mark = self.last_good.mark(asked.index_url, asked.project)
        kept = self.last_good.get(asked.index_url, asked.project)
        if kept is None:
            return Good(None, None, mark)
        url = asked.index_url + asked.project + "/"
        try:
            page = simple_pages.parse(kept.content, kept.content_type, url)
        except simple_pages.NotAPage:
            return Good(None, None, mark)
        return Good(page, kept.fetched_at, mark)

    def page_again(self, asked: Asked, accept: str, longest: float) -> Again | None:
        """Return a project's last good page in the form that is asked for.

        Args:
            asked: Which page.
            accept: pip's Accept header.
            longest: Its highest age in seconds.
        """
        good = self.last_good_page(asked)
        if good.page is None or good.fetched_at is None:
            return None
        age = max(0.0, self.now() - good.fetched_at)
        if age > longest:
            return None
        as_json = simple_pages.wants_json(accept)
        content, content_type = simple_pages.write(good.page, asked.project, as_json)
        return Again(content, content_type, age)
