"""What can an index page do to us, whoever wrote it?

The rule: a page is read, or refused by the one error that is documented; every
file on it could be in a folder and be asked for; and it takes no longer than
it is long. What a valid page says is the business of other tests.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.cli import probes
from pip_resilient.exceptions import title_of
from pip_resilient.mirrors import simple_pages
from pip_resilient.mirrors.reconcile import Contradiction, find, reconcile
from pip_resilient.mirrors.simple_pages import JSON_TYPE, NotAPage, Page, parse, write
from pip_resilient.policy import digests
from pip_resilient.policy.answers import looks_like_a_login_page
from tests.hostile_input import damaged, damaged_json, grows_evenly, header, odd_text

URL = "https://mirror.example/simple/demo/"
SHA256 = "ab" * 32
NAME = "demo-1.0-py3-none-any.whl"
FILE: dict[str, Any] = {
    "filename": NAME,
    "url": f"../../packages/{NAME}",
    "hashes": {"sha256": SHA256, "md5": "0" * 32},
    "requires-python": ">=3.8",
    "yanked": "broken",
    "core-metadata": {"sha256": SHA256},
    "size": 7,
    "upload-time": "2024-01-31T23:59:59.123456Z",
}
DOCUMENT = {"meta": {"api-version": "1.1", "_last-serial": 7}, "name": "demo", "files": [FILE]}
HTML = f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0">
<base href="https://mirror.example/x/"><title>Links for demo</title></head><body><h1>Links for demo
</h1><a href="../../packages/{NAME}#sha256={SHA256}" data-requires-python="&gt;=3.8"
 data-yanked="broken" data-core-metadata="sha256={SHA256}">{NAME}</a><br/>
<a href='demo-2.0.tar.gz'>demo-2.0.tar.gz</a></body></html>
<!--SERIAL 7-->""".encode()

pages = st.one_of(
    st.tuples(damaged_json(DOCUMENT), st.just(JSON_TYPE)),
    st.tuples(damaged(HTML), st.just("text/html")),
    st.tuples(damaged(HTML), header("text/html; charset=utf-8", "text/html;charset=latin-1")),
)


def _read(content: bytes, content_type: str, serial: str | None = None) -> Page | None:
    try:
        return parse(content, content_type, URL, serial)
    except NotAPage:
        return None


@given(pages, st.none() | header("123"))
def test_a_page_is_read_or_is_none(made: tuple[bytes, str], serial: str | None) -> None:
    page = _read(*made, serial)

    for file in page.files if page else ():
        assert file.name not in {"", ".", ".."}
        assert not {"/", "\\", "\0", "\n"} & set(file.name)
        assert urlsplit(file.url).scheme in {"http", "https"}
        assert file.url.isascii()
        assert file.size is None or 0 <= file.size <= 2**53
        for said in (file.requires_python, file.yanked, file.upload_time):
            assert said is None or said.isprintable()


@given(pages, st.booleans())
def test_what_is_read_can_be_written_and_read_again(made: tuple[bytes, str], as_json: bool) -> None:
    """Else a page of a mirror would fail where pip has it already."""
    page = _read(*made)
    if page is None:
        return
    again = parse(*write(page, "demo", as_json), URL)

    assert [file.name for file in again.files] == [file.name for file in page.files]
    assert [file.url for file in again.files] == [file.url for file in page.files]


@given(pages, pages, st.none() | st.floats(), st.none() | st.integers())
def test_any_two_pages_are_compared_or_contradict(
    made: tuple[bytes, str], good: tuple[bytes, str], at: float | None, mark: int | None
) -> None:
    page, known = _read(*made) or Page(()), _read(*good) or Page(())
    find(page, NAME)
    try:
        found = reconcile(page, known, at, mark)
    except Contradiction:
        return
    names = {file.name for file in (*page.files, *known.files)}
    assert {file.name for file in found.page.files} <= names


@given(pages, st.sampled_from((URL, "", "https://[", "mailto:x")))
def test_digests_are_found_or_not(made: tuple[bytes, str], base: str) -> None:
    """Pages of pip's own index too: pip says itself what is wrong with them."""
    if base == "https://[":
        base = URL
    for url, listed in digests.on_page(*made, base).items():
        assert isinstance(url, str)
        assert set(listed.digest.value) <= set("0123456789abcdef")
        assert listed.size is None or 0 <= listed.size <= 2**53


@given(damaged(b"<html><title>Log in</title><form><input type=password></form>"), odd_text)
def test_a_login_page_has_a_title_or_none(page: bytes, content_type: str) -> None:
    assert len(title_of(page)) <= 100
    looks_like_a_login_page(content_type, page, wants_file=False)
    looks_like_a_login_page("text/html", page, wants_file=False)


@pytest.mark.parametrize("most", [10, 100])
def test_a_page_of_more_files_than_there_may_be_is_refused(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simple_pages, "MOST_FILES", most)
    many = {"files": [FILE] * (most + 1)}

    assert _read(json.dumps(many).encode(), JSON_TYPE) is None
    assert _read(HTML * most, "text/html") is None


def test_a_long_base_is_not_there_once_for_each_link() -> None:
    """A page of half a megabyte would be one of two gigabytes."""
    links = b'<a href="demo-1.0.tar.gz">x</a>' * 10_000
    page = b'<base href="https://mirror.example/%b/">%b' % (b"x" * 200_000, links)

    tracemalloc.start()
    try:
        _read(page, "text/html")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 100 * len(page)


_WORST: dict[str, tuple[bytes, bytes]] = {
    "tags": (b"", b"<a "),
    "quotes": (b"", b'<a "'),
    "mixed quotes": (b"", b"<a '\""),
    "an endless attribute": (b'<a href="', b"x"),
    "an endless attribute without quotes": (b"<a href=", b"x"),
    "spaces": (b"<a href", b" "),
    "attributes": (b"<a ", b"a=b "),
    "links": (b"", b'<a href="x.whl">x</a>'),
    "hashes": (b'<a href="x.whl', b"#sha256="),
    "references": (b"", b"&amp;#"),
    "comments": (b"", b"<!--"),
    "an endless comment": (b"<!--", b"-"),
    "declarations": (b"", b"<!DOCTYPE "),
    "instructions": (b"", b"<?x"),
    "sections": (b"", b"<![CDATA["),
    "scripts": (b"", b"<script>"),
    "ends": (b"", b"</"),
    "titles": (b"<form>", b"<title"),
    "titles and spaces": (b"<form>", b"<title "),
    "serials": (b"", b"<!-- SERIAL "),
    "brackets": (b'{"files":', b"["),
    "braces": (b'{"files":', b'{"a":'),
    "digits": (b'{"files":', b"1"),
    "a number after the point": (b'{"files":0.', b"1"),
    "escapes": (b'{"files":["', b"\\ud800"),
    "empty objects": (b'{"files":[', b"{},"),
    "spaces in JSON": (b"{", b" "),
    "login": (b"", b"http-equiv="),
}
# A tag that does not end is read again with each slice, up to `LONGEST_TAG`: beyond that
# nothing grows any more. Of what is read in full, less is enough.
_UNENDING = ("tags", "quotes", "mixed quotes", "spaces", "attributes")
_SIZES = {"links": 15_000, **dict.fromkeys(_UNENDING, 300_000)}


@pytest.mark.parametrize("shape", _WORST)
def test_no_page_takes_longer_than_it_is_long(shape: str) -> None:
    """Of a page of 64 MB a quadratic parser would never come back."""
    start, pump = _WORST[shape]
    kind = JSON_TYPE if start.startswith(b"{") else "text/html"

    def read(page: bytes) -> None:
        _read(page, kind)
        digests.on_page(page, kind, URL)
        title_of(page)
        looks_like_a_login_page(kind, page, wants_file=False)
        probes.re.search(probes._LISTED, page[:64_000])

    grows_evenly(read, lambda size: start + pump * (size // len(pump)), _SIZES.get(shape, 60_000))


def test_a_megabyte_of_broken_tags_takes_no_ten_seconds() -> None:
    """Linear is not enough where every byte is looked at a thousand times."""
    began = time.process_time()
    digests.on_page(b'<a "' * 250_000, "text/html", URL)

    assert time.process_time() - began < 5.0
