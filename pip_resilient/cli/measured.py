"""What was measured?

The rule: records alone, frozen and without secrets in what is shown; probes
make them, findings read them, and neither knows of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.certificates import Certificate
    from pip_resilient.cli.pip_config import PipConfig, Source
    from pip_resilient.mirrors.simple_pages import Page
    from pip_resilient.policy.failure import Failure


class Address(Record):
    """One address that was connected to; times in seconds.

    Attributes:
        text: The address.
        family: `IPv4` or `IPv6`.
        tcp: How long the connection took, None where there was none.
        tls: How long TLS took, None where there was none.
        failure: What went wrong, or None.
        certificate: What the other side showed, believed or not, or None.
        date: The Date header that came with a certificate not believed, or None.
    """

    text: str
    family: str
    tcp: float | None = None
    tls: float | None = None
    failure: Failure | None = None
    certificate: Certificate | None = None
    date: str | None = None


class Answer(Record):
    """An HTTP answer.

    Attributes:
        url: That of the last hop.
        status: HTTP status.
        headers: By lower-case name.
        body: What was read of it.
        seconds: Until the headers were there.
        body_seconds: What the body took.
        failure: What ended the body too early, or None.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    body_seconds: float = 0.0
    failure: Failure | None = None


Asked = Union["Answer", "Failure"]


class Fetched(Record):
    """What was fetched of the index's files.

    Attributes:
        url: The file's URL, without secrets.
        small: The answer for a small file.
        part: The answer for a range of it.
        large: The answer for as much of a larger one as came in time, or None.
    """

    url: str
    small: Asked
    part: Asked | None = None
    large: Asked | None = None


class Index(Record):
    """One index, as it was met.

    Attributes:
        url: Its URL, without secrets.
        source: What named it.
        mirror: Whether it was asked as a mirror alone.
        links: Whether it is a page of --find-links: only the way to it is looked at.
        proxy: The proxy before it, without its login, or None.
        proxy_source: What named the proxy.
        ca_source: What named the CA bundle, or None.
        client_source: What named the client certificate, or None.
        addresses: Those of the index, or of its proxy; or why there are none.
        folder: What it is on this machine, or empty.
        missing: Whether that is not there.
        insecure: Whether pip ignores it, since it is plain http.
        trusted_by: What makes pip trust it unseen, or None.
        listed: Whether it lists its projects, asked where the usual one is not there.
        pages: (address, answer), one for each address that was asked.
        otherwise: The answer to another User-Agent, where pip's was refused.
        page: The project page, understood, or None.
        junk: Why the page is none, or empty.
        title: The title of what came instead of it, or empty.
        last_modified: What PEP 381's /last-modified says, or None.
        fetched: What its files are like, or None.
        speed: Bytes per second of a mirror's files, or None.
        no_speed: Why it has none although its page came: what is wrong with its files, or empty.
    """

    url: str
    source: Source
    mirror: bool = False
    links: bool = False
    proxy: str | None = None
    proxy_source: Source | None = None
    ca_source: Source | None = None
    client_source: Source | None = None
    addresses: tuple[Address, ...] | Failure = ()
    folder: str = ""
    missing: bool = False
    insecure: bool = False
    trusted_by: Source | None = None
    listed: bool = False
    pages: tuple[tuple[str, Asked], ...] = ()
    otherwise: Asked | None = None
    page: Page | None = None
    junk: str = ""
    title: str = ""
    last_modified: str | None = None
    fetched: Fetched | None = None
    speed: float | None = None
    no_speed: str = ""


TEMPORARY, CACHE, PACKAGES = "temporary files", "pip's cache", "packages"


class Room(Record):
    """Room on a disk.

    Attributes:
        use: What it is for: `TEMPORARY`, `CACHE` or `PACKAGES`.
        path: The folder.
        free: Bytes, or None where they cannot be asked.
        failure: Why nothing can be written, or None.
        source: What named the folder, or None.
    """

    use: str
    path: str
    free: int | None
    failure: Failure | None = None
    source: Source | None = None


class Measured(Record):
    """All of it.

    Attributes:
        config: pip and its configuration.
        indexes: Each as it was met.
        rooms: Each disk that pip writes to.
        now: This machine's clock when the indexes answered, seconds since 1970.
        seconds: What it all took.
    """

    config: PipConfig
    indexes: tuple[Index, ...]
    rooms: tuple[Room, ...]
    now: float
    seconds: float
