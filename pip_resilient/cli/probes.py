"""What is measured?

The rule: only what pip itself would ask is asked, in the way that pip would
take: the configured indexes, a project page, a small file, a piece of it, as
much of a larger one as comes in a moment. Everything that can be done at once
is, and all of it ends at one deadline.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, url2pathname

from pip_resilient.cli import asking, pip_config, reach, way
from pip_resilient.cli.measured import Answer, Fetched, Index
from pip_resilient.exceptions import failure_of, place_of_proxy, title_of
from pip_resilient.mirrors.simple_pages import NotAPage, Page, parse
from pip_resilient.policy.answers import looks_like_a_login_page
from pip_resilient.policy.disclosure import without_secrets
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import host_of, same_origin
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pip_resilient.cli.measured import Asked
    from pip_resilient.cli.pip_config import PipConfig, Source
    from pip_resilient.mirrors.simple_pages import File

PROJECT = "pip"
"""On PyPI and all its mirrors; an index without it is asked for what it has."""
OTHER_USER_AGENT = "pip-resilient-doctor"
_ACCEPT = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1,"
    " text/html; q=0.01"
)
PAGE = {"Accept": _ACCEPT, "Accept-Encoding": "identity"}
FILE = {"Accept-Encoding": "identity"}
_LISTED = rb'<a [^<>]*href="[^"<>]*?([A-Za-z0-9][\w.-]{0,99})/?"|"name":\s*"([\w.-]+)"'
LONGEST_PAGE, _LIST, _SMALL, _LARGE = 8_000_000, 64_000, 200_000, 4_000_000
_MOST_SECONDS = 2.5
_NO_URL = "its URL is not valid"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+:"
"""One letter alone is a drive of Windows."""
_TO_RETURN = 0.5
"""Seconds for handing over what was found when the deadline came."""


class Wanted(Record):
    """What is to be looked at.

    Attributes:
        url: With its login.
        source: What named it.
        mirror: Whether it is asked as a mirror alone.
        links: Whether it is a page of --find-links.
    """

    url: str
    source: Source
    mirror: bool = False
    links: bool = False


class Probe:
    """Looks at indexes.

    Args:
        config: pip's configuration.
        deadline: When all must be over.

    Attributes:
        line: What requests to mirrors go out with.
    """

    def __init__(self, config: PipConfig, deadline: asking.Deadline) -> None:
        self._config = config
        self._deadline = deadline
        self._netrc = asking.netrc_logins()
        self._system = {} if _has_proxy_variables() else getproxies()
        self.line = asking.Line(
            self._proxy,
            self._context,
            config.user_agent or OTHER_USER_AGENT,
            config.text("client-cert") or None,
            deadline,
        )
        self._own = self.line._replace(as_pip=True)

    def indexes(self, wanted: Sequence[Wanted]) -> tuple[Index, ...]:
        """Look at several indexes at once."""
        works = [functools.partial(self._index, one) for one in wanted]
        done = reach.beside(works, self._deadline.left(60.0) + _TO_RETURN)
        late = Failure(Kind.SILENT, "not even in the time that all of this has")
        return tuple(
            index or _met(one)._replace(pages=(("", late),)) for index, one in zip(done, wanted)
        )

    def _proxy(self, url: str) -> str | None:
        proxy = way.proxy_of(url, self._config, self._system)
        return None if proxy is None else proxy.url

    def _context(self, url: str) -> Any:
        if reach.ssl is None:
            raise ImportError("the ssl module is missing")
        context = reach.ssl.SSLContext(reach.ssl.PROTOCOL_TLS_CLIENT)
        if way.is_trusted(url, self._config):
            context.check_hostname = False
            context.verify_mode = reach.ssl.CERT_NONE
            return context
        named = way.ca_of(self._config)
        if named is not None:
            where = "capath" if os.path.isdir(named.text) else "cafile"
            context.load_verify_locations(**{where: named.text})
            return context
        own = self._config.ca_bundle
        is_there = os.path.exists(own)  # that of a pip in a zip file is gone when it has told
        if is_there:
            context.load_verify_locations(own)
        if way.takes_system_store(self._config, sys.version_info[:2]) or not is_there:
            context.load_default_certs()
        return context

    def _index(self, wanted: Wanted) -> Index:
        try:
            return self._looked_at(wanted)
        except Exception as error:  # whatever it is, it is the finding
            return _met(wanted)._replace(addresses=Failure(Kind.STACK, type(error).__name__))

    def _looked_at(self, wanted: Wanted) -> Index:
        url = wanted.url
        ca, client = way.ca_of(self._config), self._config.values.get("client-cert")
        index = _met(wanted)._replace(
            ca_source=ca.source if ca else None, client_source=client.source if client else None
        )
        if way.is_web(url) and host_of(url):
            return self._on_the_way(url, index)
        is_file = url.startswith("file:")
        folder = url2pathname(urlsplit(url).path) if is_file else url
        if not way.is_web(url) and _is_there(folder, index.links):
            return index._replace(folder=folder)
        if way.is_web(url) or (not is_file and re.match(_SCHEME, url)):
            return index._replace(addresses=Failure(Kind.STACK, _NO_URL))
        return index._replace(folder=folder if is_file else index.url or "?", missing=True)

    def _on_the_way(self, url: str, index: Index) -> Index:
        proxy = way.proxy_of(url, self._config, self._system)
        if proxy is not None:
            index = index._replace(proxy=place_of_proxy(proxy.url), proxy_source=proxy.source)
        if way.is_trusted(url, self._config):
            index = index._replace(trusted_by=self._config.values["trusted-host"].source)
        if way.is_ignored(url, self._config):
            return index._replace(insecure=True)
        try:
            goal = self._goal(url, None if proxy is None else proxy.url)
        except Exception as error:
            return index._replace(addresses=self._unready(error))
        addresses = reach.reach(goal, self._deadline)
        index = index._replace(addresses=addresses)
        if isinstance(addresses, Failure) or index.links:
            return index
        sound = [one.text for one in addresses if one.failure is None]
        if not sound:
            return index
        url = asking.with_login(url, self._netrc)
        return self._asked(url, index, sound if proxy is None else [None])

    def _unready(self, error: Exception) -> Failure:
        if isinstance(error, _Unready):
            return error.failure
        if isinstance(error, ImportError):
            return Failure(Kind.NO_SSL)
        named = way.ca_of(self._config)
        if named is not None:  # nothing else was opened; an unreadable file is no bundle either
            return Failure(Kind.CA_PATH, named.text)
        return failure_of(error)

    def _goal(self, url: str, proxy: str | None) -> reach.Goal:
        parts = urlsplit(url)
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        if proxy and not host_of(proxy):
            raise _Unready(Failure(Kind.STACK, _NO_URL, proxy=place_of_proxy(proxy)))
        if (proxy or "").startswith("socks") and find_spec("socks") is None:
            raise _Unready(Failure(Kind.NO_SOCKS, proxy=place_of_proxy(proxy)))
        client = self._config.text("client-cert")
        if client and not os.path.exists(client):
            raise _Unready(Failure(Kind.CLIENT_PATH, client))
        context = self._context(url) if parts.scheme == "https" else None
        to_proxy = self._context(proxy) if proxy and proxy.startswith("https:") else None
        return reach.Goal(bare, proxy, context, to_proxy)

    def _asked(self, url: str, index: Index, addresses: Sequence[str | None]) -> Index:
        line = self.line if index.mirror else self._own
        answers = self._pages(line, url, PROJECT, addresses)
        best = _best(answers)
        if isinstance(best, Answer) and best.status == 404:
            listed = self._listed(line, url)
            index = index._replace(listed=listed is not None)
            if listed:
                answers = self._pages(line, url, listed, addresses)
                best = _best(answers)
        pairs = tuple((address or "", one) for address, one in zip(addresses, answers))
        index = index._replace(pages=pairs)
        if isinstance(best, Failure):
            return index
        if 400 <= best.status < 500 and best.status not in (401, 404, 407, 410, 429):
            stranger = line._replace(user_agent=OTHER_USER_AGENT)
            other = asking.ask(stranger, _page_url(url, PROJECT), PAGE, LONGEST_PAGE)
            return index._replace(otherwise=other)
        if best.status != 200 or best.failure is not None:
            return index
        return self._of_page(url, index, best)

    def _pages(
        self, line: asking.Line, url: str, project: str, addresses: Sequence[str | None]
    ) -> list[Asked]:
        page = _page_url(url, project)
        works = [
            functools.partial(asking.ask, line, page, PAGE, LONGEST_PAGE, one) for one in addresses
        ]
        done = reach.beside(works, self._deadline.left(60.0))
        return [answer or Failure(Kind.SILENT) for answer in done]

    def _listed(self, line: asking.Line, url: str) -> str | None:
        """Return a project that the index lists, empty where it lists none soon, or None."""
        answer = asking.ask(line, _page_url(url, ""), PAGE, _LIST)
        if isinstance(answer, Failure) or answer.status != 200:
            return None
        found = re.search(_LISTED, answer.body)
        return (found[1] or found[2]).decode("ascii", "replace") if found else ""

    def _of_page(self, url: str, index: Index, answer: Answer) -> Index:
        content_type = answer.headers.get("content-type", "")
        title = title_of(answer.body)
        if looks_like_a_login_page(content_type, answer.body, wants_file=False):
            return index._replace(junk="a login page", title=title)
        serial = answer.headers.get("x-pypi-last-serial")
        try:
            page = parse(answer.body, content_type, answer.url, serial)
        except NotAPage as error:
            return index._replace(junk=str(error), title=title)
        works: list[Callable[[], Any]] = [
            lambda: self._last_modified(url, index.pages[0][0] or None)
        ]
        if page.files and not index.mirror:
            works.append(lambda: self._fetched(url, page))
        last_modified, *fetched = reach.beside(works, self._deadline.left(60.0))
        return index._replace(
            page=page, last_modified=last_modified, fetched=fetched[0] if fetched else None
        )

    def _last_modified(self, url: str, address: str | None) -> str | None:
        """Ask PEP 381's /last-modified, which bandersnatch still writes; one tiny answer."""
        asked = urljoin(_page_url(url, ""), "../last-modified")
        answer = asking.ask(self.line, asked, FILE, 100, address)
        if isinstance(answer, Failure) or answer.status != 200:
            return None
        found = re.match(rb"\s*(\d{8}T\d\d:\d\d:\d\d)\s*\Z", answer.body)
        return found[1].decode("ascii") if found else None

    def _fetched(self, url: str, page: Page) -> Fetched:
        small, large = _chosen(page.files)
        where = [_with_login(one.url, url) for one in (small, large)]
        part = {**FILE, "Range": "bytes=10-19"}
        found, piece = reach.beside(
            [
                lambda: asking.ask(self._own, where[0], FILE, _SMALL),
                lambda: asking.ask(self._own, where[0], part, _SMALL),
            ],
            self._deadline.left(60.0),
        )
        fetched = Fetched(without_secrets(small.url), found or Failure(Kind.SILENT), piece)
        if isinstance(found, Failure) or found is None or found.status != 200:
            return fetched
        more = asking.ask(self._own, where[1], FILE, _LARGE, body_seconds=_MOST_SECONDS)
        failure = more.failure if isinstance(more, Answer) else None
        if isinstance(more, Answer) and failure is not None and failure.kind is Kind.CRAWL:
            more = more._replace(failure=None)  # it was not meant to be whole
        return fetched._replace(large=more)


def _met(wanted: Wanted) -> Index:
    url, is_web = wanted.url, way.is_web(wanted.url) and host_of(wanted.url)
    # What is mistyped, or made unreadable by a password, still holds that.
    plain = without_secrets(url) if is_web or url.startswith("file:") else pip_config.shown(url)
    return Index(plain, wanted.source, wanted.mirror, wanted.links)


def _is_there(path: str, links: bool) -> bool:
    """Tell whether it is there: an index is a folder, a page of links may be a file."""
    return os.path.exists(path) if links else os.path.isdir(path)


class _Unready(Exception):
    """What pip needs on this machine before it asks anybody is not there."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure


def _has_proxy_variables() -> bool:
    return any(name.lower().endswith("_proxy") for name in os.environ)


def _page_url(index_url: str, project: str) -> str:
    parts = urlsplit(index_url)
    path = parts.path.rstrip("/") + "/" + (f"{quote(project.lower())}/" if project else "")
    return urlunsplit(parts._replace(path=path))


def _with_login(url: str, index_url: str) -> str:
    """Give a file of the index's own host the login of the index, as pip does."""
    userinfo = urlsplit(index_url).netloc.rpartition("@")[0]
    if not userinfo or not same_origin(url, index_url):
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


def _best(answers: Sequence[Asked]) -> Asked:
    """Return the answer that tells most: a whole page, any page, any status, a failure."""

    def worth(answer: Asked) -> tuple[bool, bool, bool]:
        if isinstance(answer, Failure):
            return False, False, False
        ok = answer.status == 200
        return ok and answer.failure is None, ok, True

    return max(answers, key=worth)


def _chosen(files: Sequence[File]) -> tuple[File, File]:
    """Choose a small file and a larger one, late ones: the cache of a CDN knows them."""
    late = list(files)[-20:][::-1]
    known = [one for one in late if one.size] or late
    small = min(known, key=lambda one: one.size or 0)
    large = [one for one in known if (one.size or 0) <= _LARGE] or known
    return small, max(large, key=lambda one: one.size or 0)
