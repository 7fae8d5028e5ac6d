"""Which page does pip get when its index does not answer?

The rule: of the mirrors that the user named, the page with the highest serial;
it is compared with the last good page of the index itself, rewritten into the
form that this pip asked for, and never stored in pip's cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pip_resilient.mirrors import simple_pages
from pip_resilient.mirrors.group import PYPI, page_at
from pip_resilient.mirrors.reconcile import Contradiction, Reconciled, reconcile
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import place_of
from pip_resilient.session.drain import page_of
from pip_resilient.session.elsewhere import Unusable, WrongThere

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.group import Asked
    from pip_resilient.mirrors.simple_pages import File
    from pip_resilient.session.elsewhere import Elsewhere
    from pip_resilient.session.exchange import Exchange

_ACCEPT = (
    "application/vnd.pypi.simple.v1+json,"
    " application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)


class Shown(NamedTuple):
    """A page for pip.

    Attributes:
        content: In the form that pip asked for.
        content_type: That form.
        source: Who served it, for messages.
        place: The host that names what is on it.
        stale: Whether the index itself is known to have said more.
        withheld: How many files are not shown, since the index removed them.
        serial: The page's serial, or None.
    """

    content: bytes
    content_type: str
    source: str
    place: str
    stale: bool
    withheld: int
    serial: int | None


class PageFetch:
    """Fetches one project's page from several sources, and keeps the best.

    Args:
        exchange: pip's request for it.
        elsewhere: Asks other hosts.
        asked: What the request asks for.
    """

    def __init__(self, exchange: Exchange, elsewhere: Elsewhere, asked: Asked) -> None:
        self._exchange = exchange
        self._elsewhere = elsewhere
        self._asked = asked
        self._found: list[Shown] = []

    def fetch(self, source: Source) -> Shown:
        """Ask one source.

        Raises:
            Unusable: It has no page.
            WrongThere: Its page contradicts the index's own last good one.
        """
        page = page_there(self._exchange, self._elsewhere, source, self._asked.project)
        if source.name == PYPI:
            compared = Reconciled(page, (), stale=False, mapped=0)
        else:
            compared = self._compared(page, source)
        as_json = simple_pages.wants_json(self._exchange.request.headers.get("Accept", ""))
        content, content_type = simple_pages.write(compared.page, self._asked.project, as_json)
        shown = Shown(
            content,
            content_type,
            source.name,
            place_of(source.index_url),
            compared.stale,
            len(compared.withheld),
            page.serial,
        )
        self._found.append(shown)
        return shown

    def _compared(self, page: simple_pages.Page, source: Source) -> Reconciled:
        run = self._exchange.run
        good = run.memory.last_good_page(self._asked)
        try:
            compared = reconcile(page, good.page, good.fetched_at, good.mark)
        except Contradiction as contradiction:
            raise WrongThere(
                contradiction.known[0],
                contradiction.known[1],
                contradiction.said[1],
                f"the last good page of {self._exchange.place} for {contradiction.name}",
            ) from None
        known = good.page.files if good.page is not None else ()
        files = self._with_claims(compared.page.files, known, source)
        return compared._replace(page=compared.page._replace(files=files))

    def _with_claims(
        self, files: Iterable[File], known: Iterable[File], source: Source
    ) -> tuple[File, ...]:
        """Note which files of a source's page the index itself has named, and which are claims.

        A digest for a file of another host, the path of PyPI's files among them, is one
        that the index has to have named: else whoever serves a page could have
        anything served, and kept, as a file of that host.
        """
        pages, group = self._exchange.run.pages, self._exchange.run.group
        own = {(file.url, file.hashes) for file in known if file.hashes}
        judged = []
        for file in files:
            if (file.url, file.hashes) in own:
                pages.vouch(file.url, file.hashes)
                pages.vouch(file.url + ".metadata", file.metadata or ())
            elif group.is_others(file.url, source):
                pages.claim((file.url, file.url + ".metadata"))
                file = file._replace(metadata=None)  # noqa: PLW2901
            judged.append(file)
        return tuple(judged)

    def is_settled(self) -> bool:
        """Tell whether nobody else needs to be asked: the index that all follow has answered."""
        return any(shown.source == PYPI for shown in self._found)

    def best(self) -> Shown | None:
        """Return the page to show: not a stale one if there is another, then the newest."""
        if not self._found:
            return None
        return max(self._found, key=lambda shown: (not shown.stale, shown.serial or -1))


def page_there(
    exchange: Exchange, elsewhere: Elsewhere, source: Source, project: str
) -> simple_pages.Page:
    """Return a project's page on another index, asked for once in a run.

    Raises:
        Unusable: There is none.
    """
    url = page_at(source, project)
    known = exchange.run.memory.pages_there
    if url not in known:
        accept = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
        up, came_from, public = elsewhere.ask(source, url, accept)
        if up.status != 200:
            up.close()
            raise Unusable(Failure(Kind.GARBLED, "a part of a page"))
        content = page_of(up, exchange)
        exchange.run.track.came(place_of(source.index_url), len(content))
        headers = up.headers
        try:
            known[url] = simple_pages.parse(
                content,
                headers.get("Content-Type", ""),
                came_from,
                headers.get("X-PyPI-Last-Serial"),
            )
        except simple_pages.NotAPage as error:
            raise Unusable(Failure(Kind.INTERCEPTED, str(error))) from None
        if not public:
            exchange.run.memory.private_there.add(url)
    return known[url]
