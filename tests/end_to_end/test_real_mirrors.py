"""Do the real servers serve plain pip, and can they do what is written of them?

The rule: pip is not armed here. What a mirror does for a pip without the plugin
must be right before a test may say what it does for one with it.
"""

from __future__ import annotations

import hashlib
import re
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from tests.end_to_end.real_mirrors import REAL_MIRRORS, NotAvailable, RealMirror, proxpi
from tests.faults import FaultServer, Pause
from tests.packages import JSON, Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from tests.end_to_end.environments import Environment
    from tests.packages import Distribution

SIZE = 600_000


@pytest.fixture(scope="module")
def held() -> tuple[Distribution, Distribution]:
    with FaultServer() as server:
        index = Index(server)
        first = index.add_wheel("demo", "1.0", size=SIZE, requires=["other"])
        return first, index.add_wheel("other", "2.0", size=SIZE)


@pytest.fixture(scope="module", params=REAL_MIRRORS)
def mirror(
    request: pytest.FixtureRequest, held: tuple[Distribution, Distribution]
) -> Iterator[RealMirror]:
    """Each of them, once for all tests of this module."""
    try:
        start = REAL_MIRRORS[request.param](held)
        with start as running:
            yield running
    except NotAvailable as error:
        pytest.skip(str(error))


def opened(url: str, **headers: str) -> HTTPResponse:
    """Return the answer, read to its end, to a request that goes through no proxy."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return direct.open(urllib.request.Request(url, headers=fields), timeout=30)  # type: ignore[no-any-return]


def read(url: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    with opened(url, **headers) as response:
        return response, response.read()


def file_url(mirror: RealMirror, distribution: Distribution) -> str:
    """Return what the project's page says of where the file is."""
    page_url = f"{mirror.index_url}{distribution.name}/"
    page = read(page_url, Accept="text/html")[1].decode()
    (href,) = re.findall(rf'href="([^"#]*/?{re.escape(distribution.filename)})', page)
    return urljoin(page_url, href)


def test_plain_pip_installs_from_it(
    oldest_and_newest: Environment,
    mirror: RealMirror,
    held: tuple[Distribution, Distribution],
) -> None:
    """Page, dependency and files; its own log has them."""
    before = len(mirror.log)
    options = ("--target", "installed", "--index-url", mirror.index_url)
    done = oldest_and_newest.pip("install", *options, "demo", armed=False)
    asked = mirror.log[before:]

    assert done.returncode == 0, done.stderr
    assert (oldest_and_newest.work / "installed" / "demo" / "payload.bin").exists()
    assert (oldest_and_newest.work / "installed" / "other" / "payload.bin").exists()
    for item in held:
        assert len([one for one in asked if one.path.rstrip("/").endswith(f"/{item.name}")]) == 1
        assert [one.status for one in asked if one.path.endswith(f"/{item.filename}")] in (
            [200],
            [None],
        )


def test_its_files_are_the_same_bytes(
    mirror: RealMirror, held: tuple[Distribution, Distribution]
) -> None:
    """Else what it is good for would be tested with a mismatch."""
    for item in held:
        assert read(file_url(mirror, item))[1] == item.content


def test_a_range_is_answered_as_it_is_written(
    mirror: RealMirror, held: tuple[Distribution, Distribution]
) -> None:
    """A download that broke in the middle goes on there, or begins anew, by this answer."""
    response, part = read(file_url(mirror, held[0]), Range="bytes=1000-1999")

    if mirror.traits.ranges:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes 1000-1999/{len(held[0].content)}"
        assert part == held[0].content[1000:2000]
    else:
        assert response.status == 200
        assert response.headers["Accept-Ranges"] is None
        assert part == held[0].content


def test_validators_are_as_they_are_written(
    mirror: RealMirror, held: tuple[Distribution, Distribution]
) -> None:
    """A server that joins a range to any If-Range would join two files into one."""
    url = file_url(mirror, held[0])
    etag = read(url)[0].headers["ETag"]
    response, _ = read(url, Range="bytes=1000-1999", If_Range='"of another file"')

    assert (etag is not None and not etag.startswith("W/")) is mirror.traits.etag
    if mirror.traits.etag:
        assert read(url, Range="bytes=1000-1999", If_Range=etag)[0].status == 206
    assert (response.status == 206) is mirror.traits.ignores_if_range


def test_its_pages_come_in_the_forms_that_are_written(
    mirror: RealMirror, held: tuple[Distribution, Distribution]
) -> None:
    """Each of them names the origin's sha256."""
    response, page = read(f"{mirror.index_url}demo/", Accept=f"{JSON}, text/html;q=0.1")

    assert (response.headers.get_content_type() == JSON) is mirror.traits.json
    assert held[0].sha256.encode() in page


def test_metadata_lies_beside_the_file_where_it_is_written(
    mirror: RealMirror, held: tuple[Distribution, Distribution]
) -> None:
    """PEP 658: pip ≥ 22.3 reads it instead of the wheel."""
    page = read(f"{mirror.index_url}demo/", Accept="text/html")[1].decode()
    digest = hashlib.sha256(held[0].metadata or b"").hexdigest()

    assert (f'data-core-metadata="sha256={digest}"' in page) is mirror.traits.metadata
    if mirror.traits.metadata:
        assert read(f"{file_url(mirror, held[0])}.metadata")[1] == held[0].metadata


def test_proxpi_sends_the_client_to_the_origin_when_its_own_download_takes_long() -> None:
    """So asking this mirror may end at the host that was to be avoided."""
    with FaultServer() as origin:
        index = Index(origin)
        item = index.add_wheel("demo", "1.0", size=SIZE)
        # It asks for the size by HEAD at the same time; that one is not to be held up.
        slow = Pause(part="headers", seconds=3.0)
        origin.script = [slow.when("*.whl", method="GET", first=1)]
        try:
            with proxpi(index.url, download_timeout=0.2) as mirror:
                response = opened(f"{mirror.index_url}demo/{item.filename}")
                response.close()
                statuses = [one.status for one in mirror.asked_for(item.filename)]
        except NotAvailable as error:
            pytest.skip(str(error))

    assert response.url == item.url
    assert statuses == [302]
