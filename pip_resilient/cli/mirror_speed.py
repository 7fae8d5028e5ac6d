"""How good is each mirror from here?

The rule: what pip would ask for, one project's page and one small file of it,
over one connection to each host, as `policy/disclosure.py` lets another source
be asked: no login but its own, no client certificate, nothing of the user's in
the User-Agent. Pages and first bytes of all are asked for at once; the speeds
are measured one after the other, or they would measure one another.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from pip_resilient.cli import asking, reach
from pip_resilient.cli.measured import Answer
from pip_resilient.cli.probes import FILE, LONGEST_PAGE, PAGE, PROJECT
from pip_resilient.mirrors.group import page_at
from pip_resilient.mirrors.simple_pages import NotAPage, Page, parse
from pip_resilient.policy.disclosure import without_user_data
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.origins import same_origin
from pip_resilient.policy.record import Record
from pip_resilient.policy.spans import ContentRange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pip_resilient.cli.asking import Deadline, Line
    from pip_resilient.cli.measured import Asked
    from pip_resilient.mirrors.declared import Source
    from pip_resilient.mirrors.simple_pages import File

WHOLE = 24.0
"""Seconds for all of it; the rest to 30 is for asking pip and for writing."""
_PAGES, _FIRST_BYTES, _SPEED = 9.0, 6.0, 1.5
"""Seconds at most for the pages of all, for the first bytes of all, for one's speed."""
_LEAST = 0.5
"""Seconds; with fewer left no further speed is measured."""
_SMALL = 4_000_000
"""Bytes of the file, at most."""
_ENOUGH = 20_000
"""Bytes; of fewer no speed can be told."""
_LATE = 60
"""How many of the newest files are looked through for one that all have."""
_TOO_LATE = "no answer in time"


class Measure(Record):
    """What a mirror is like.

    Attributes:
        source: Who it is.
        failure: Why it is of no use, or empty.
        latency: Seconds from a request to its answer on an open connection, or None.
        speed: Bytes per second, or None.
        lag: How far it is behind PyPI; empty: not at all; None: nobody can tell.
        ranges: Whether it sends a part when asked for it, or None.
        metadata: Whether it has metadata beside files (PEP 658), or None.
    """

    source: Source
    failure: str = ""
    latency: float | None = None
    speed: float | None = None
    lag: str | None = None
    ranges: bool | None = None
    metadata: bool | None = None


class Met(Record):
    """A mirror on the way.

    Attributes:
        source: Who it is.
        line: What requests to it go out with; keeps its connection.
        page: Its page.
    """

    source: Source
    line: Line
    page: Page


def measure(line: Line, sources: Sequence[Source], deadline: Deadline) -> list[Measure]:
    """Measure all of them, the first one being what the others are compared with.

    Args:
        line: What requests go out with.
        sources: Who is measured.
        deadline: When all must be over.
    """
    agent = without_user_data(line.user_agent)
    lines = [line._replace(user_agent=agent, client_certificate=None, kept={}) for _ in sources]
    pages = _beside(
        [functools.partial(_page, one, source) for one, source in zip(lines, sources)],
        deadline.left(_PAGES),
    )
    met = [
        Met(source, each, page)
        for source, each, page in zip(sources, lines, pages)
        if isinstance(page, Page)
    ]
    file = common_file([one.page for one in met])
    sha256 = _sha256([one.page for one in met], file)
    looks = [functools.partial(_first_bytes, one, file) for one in met]
    looked = _beside(looks, deadline.left(_FIRST_BYTES))
    pypi = pages[0] if pages and isinstance(pages[0], Page) else None
    done = {}
    for one, seen in zip(met, looked):
        found = seen if isinstance(seen, Measure) else Measure(one.source, _TOO_LATE)
        found = found._replace(lag=lag(one.page, pypi))
        done[one.source] = _in_time(found, one, file, sha256, deadline)
    for each in lines:
        each.close()
    return [
        done.get(source) or Measure(source, page if isinstance(page, str) else _TOO_LATE)
        for source, page in zip(sources, pages)
    ]


def speeds(
    line: Line, own: Sequence[Page], pages: Sequence[tuple[Source, Page]], deadline: Deadline
) -> dict[Source, Measure]:
    """Measure the speed of each mirror alone, as long as there is time.

    Args:
        line: What requests go out with.
        own: The pages of pip's own indexes, whose hashes count before a mirror's.
        pages: The mirrors, each with its page.
        deadline: When all must be over.
    """
    line = line._replace(user_agent=without_user_data(line.user_agent), client_certificate=None)
    met = [Met(source, line, page) for source, page in pages if page.files]
    file = common_file([one.page for one in met])
    sha256 = _sha256([*own, *(one.page for one in met)], file)
    return {one.source: _in_time(Measure(one.source), one, file, sha256, deadline) for one in met}


def _in_time(
    found: Measure, one: Met, name: str, sha256: str | None, deadline: Deadline
) -> Measure:
    """Add the speed, if there is time for it."""
    if found.failure or deadline.left(_SPEED) < _LEAST:
        return found
    work = functools.partial(_with_speed, found, one, name, sha256)
    fetched = _beside([work], deadline.left(3 * _SPEED))[0]
    return fetched if isinstance(fetched, Measure) else found


def _beside(works: Sequence[Callable[[], object]], seconds: float) -> list[object]:
    return list(reach.beside(works, seconds))


def _page(line: Line, source: Source) -> Page | str:
    """Return its page, or what is wrong with it."""
    url = _with_login(page_at(source, PROJECT), source)
    answer = asking.ask(line, url, PAGE, LONGEST_PAGE, body_seconds=_PAGES)
    why = _why(answer)
    if why or isinstance(answer, Failure):
        return why
    serial = answer.headers.get("x-pypi-last-serial")
    try:
        page = parse(answer.body, answer.headers.get("content-type", ""), answer.url, serial)
    except NotAPage as error:
        return str(error)
    return page if page.files else "its page lists no files"


def _why(answer: Asked) -> str:
    if isinstance(answer, Failure):
        return answer.said
    if answer.status not in (200, 206):
        return f"status {answer.status}"
    return "" if answer.failure is None else answer.failure.said


def common_file(pages: Sequence[Page]) -> str:
    """Return the name of a late and small file that all have, or as many as possible."""
    if not pages:
        return ""
    names = [{file.name for file in page.files} for page in pages]
    late = [one for one in pages[0].files[-_LATE:][::-1] if (one.size or 0) <= _SMALL]
    late = late or list(pages[0].files[-1:])
    # The first of the best: `max` keeps to the order, which is the newest first.
    return max(late, key=lambda file: (sum(file.name in have for have in names), _large(file))).name


def _large(file: File) -> bool:
    """Tell whether its speed can be told."""
    return file.size is None or file.size >= 25 * _ENOUGH


def _of(page: Page, name: str) -> File:
    return next((file for file in page.files if file.name == name), page.files[-1])


def _first_bytes(met: Met, name: str) -> Measure:
    """Ask for a part of the file, and for the metadata beside it."""
    file = _of(met.page, name)
    url = _with_login(file.url, met.source)
    part = asking.ask(met.line, url, {**FILE, "Range": "bytes=10-19"}, 10, body_seconds=1.0)
    if isinstance(part, Failure) or part.status not in (200, 206):
        return Measure(met.source, _why(part))
    # The first answer may have waited for a connection to the host of the files.
    again = asking.ask(met.line, url, {**FILE, "Range": "bytes=10-19"}, 10, body_seconds=1.0)
    seconds = [one.seconds for one in (part, again) if isinstance(one, Answer)]
    got = ContentRange.parse(part.headers.get("content-range"))
    ranges = part.status == 206 and got is not None and (got.first, got.last) == (10, 19)
    metadata = False
    if file.metadata is not None:
        beside = asking.ask(met.line, f"{url}.metadata", FILE, _SMALL, body_seconds=1.0)
        metadata = isinstance(beside, Answer) and beside.status == 200
    return Measure(met.source, "", min(seconds), None, None, ranges, metadata)


def _sha256(pages: Sequence[Page], name: str) -> str | None:
    """Return the hash of the file by the first page that has it: PyPI's, if that is there."""
    hashes = (dict(file.hashes) for page in pages for file in page.files if file.name == name)
    return next((one["sha256"] for one in hashes if "sha256" in one), None)


def _with_speed(found: Measure, met: Met, name: str, sha256: str | None) -> Measure:
    file = _of(met.page, name)
    url = _with_login(file.url, met.source)
    line = met.line._replace(seconds=_SPEED)
    answer = asking.ask(line, url, FILE, _SMALL, body_seconds=_SPEED)
    if isinstance(answer, Failure) or answer.status != 200:
        return found._replace(failure=_why(answer))
    if answer.failure is not None and answer.failure.kind is not Kind.CRAWL:
        return found._replace(failure=_why(answer))
    whole = answer.failure is None and len(answer.body) < _SMALL and file.name == name
    if whole and sha256 and hashlib.sha256(answer.body).hexdigest() != sha256:
        return found._replace(failure=f"wrong bytes: they fail the hash of {name}")
    speed = len(answer.body) / max(answer.body_seconds, 1e-3)
    return found._replace(speed=speed if len(answer.body) >= _ENOUGH else None)


def lag(page: Page, pypi: Page | None) -> str | None:
    """Say how far a page is behind PyPI's; empty: not at all; None: nobody can tell."""
    if pypi is None:
        return None
    if page.serial is not None and pypi.serial is not None and page.serial < pypi.serial:
        return f"serial {page.serial}, PyPI has {pypi.serial}"
    missing = {file.name for file in pypi.files} - {file.name for file in page.files}
    return f"lacks {len(missing)} of {len(pypi.files)} files" if missing else ""


def _with_login(url: str, source: Source) -> str:
    """Give a URL of the source's own host the login that the user gave for it."""
    if not source.login or not same_origin(url, source.index_url):
        return url
    user, _, password = source.login.partition(":")
    parts = urlsplit(url)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=netloc))
