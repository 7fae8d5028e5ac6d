"""Is it known what the pages of a run have said, and who said it?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.models.link import Link

from pip_resilient.policy.digests import Digest
from pip_resilient.session import pages as pages_module
from pip_resilient.session.pages import Named, Page, Pages, listed_by
from tests.pip_in_process import hooked_pip

INDEX = "https://index.invalid/simple/demo/"
FILE = "https://files.invalid/demo-1.0%2Blocal-py3-none-any.whl"
JSON = "application/vnd.pypi.simple.v1+json"
GOOD, OTHER = "ab" * 32, "cd" * 32


def page(
    url: str = INDEX, value: str = GOOD, served_by: str | None = None, file: str = FILE
) -> Page:
    content = f'<a href="{file}#sha256={value}">demo</a>'.encode()
    return Page(url, "text/html", content, served_by)


def pages_of(*those: Page) -> Pages:
    pages = Pages()
    for one in those:
        pages.passed(one)
    return pages


def test_a_page_names_the_digests_of_its_files() -> None:
    """It is what bytes from anywhere are held against."""
    named = pages_of(page()).named(FILE)

    assert named == Named(Digest("sha256", GOOD, "the index page of index.invalid"), INDEX)


@pytest.mark.parametrize(
    "url", [FILE.replace("%2B", "+"), FILE + "#sha256=" + OTHER, FILE + "#egg=demo"]
)
def test_a_file_is_found_however_its_url_is_quoted(url: str) -> None:
    """pip quotes again what the page has quoted."""
    assert pages_of(page()).named(url) is not None


@pytest.mark.parametrize(
    "url", ["", "https://[", FILE + ".metadata", FILE[:-1], FILE + "?x", INDEX]
)
def test_what_no_page_names_has_no_digest(url: str) -> None:
    """A wrong one would make right bytes wrong."""
    assert pages_of(page()).named(url) is None
    assert Pages().named(url) is None


def test_a_mirrors_page_is_never_said_to_be_the_index_s() -> None:
    """Who trusts the index need not trust the mirror."""
    pages = pages_of(page(served_by="mirror.example"))
    named = pages.named(FILE)

    assert named is not None
    assert named.digest.named_by == "the index page of mirror.example"
    assert named.page_url == INDEX
    assert pages.namer(INDEX) == "mirror.example"
    assert pages.namer(INDEX + "#x") == "mirror.example"
    assert pages.namer("https://index.invalid/simple/other/") is None


def test_the_index_s_own_page_names_itself() -> None:
    """Nothing more is said than is true."""
    assert pages_of(page()).namer(INDEX) is None


def test_when_the_index_answers_again_its_page_is_its_own() -> None:
    """A mirror that served it before has not named this one."""
    pages = pages_of(page(value=OTHER, served_by="mirror.example"), page())
    named = pages.named(FILE)

    assert named is not None
    assert named.digest == Digest("sha256", GOOD, "the index page of index.invalid")
    assert pages.namer(INDEX) is None


def test_of_two_pages_the_newest_is_believed() -> None:
    """It is the one that pip has read."""
    later = page(value=OTHER)

    assert pages_of(page(), later).named(FILE) == Named(
        Digest("sha256", OTHER, "the index page of index.invalid"), INDEX
    )


def test_what_the_index_says_itself_replaces_what_a_mirror_said() -> None:
    """Also where a file of the mirror's page has been asked for already."""
    pages = pages_of(page(value=OTHER, served_by="mirror.example"))
    assert pages.named(FILE) is not None
    pages.passed(page())

    assert pages.named(FILE) == pages_of(page()).named(FILE)


def test_metadata_has_a_digest_of_its_own() -> None:
    """PEP 658; in both forms of a page."""
    entry = {
        "url": FILE,
        "filename": "x",
        "hashes": {"sha256": GOOD},
        "core-metadata": {"sha256": OTHER},
    }
    as_json = Page(INDEX, JSON, json.dumps({"files": [entry]}).encode())
    as_html = Page(
        INDEX,
        "text/html",
        f'<a href="{FILE}#sha256={GOOD}" data-core-metadata="sha256={OTHER}">x</a>'.encode(),
    )
    for one in (as_json, as_html):
        pages = pages_of(one)
        found = [pages.named(url) for url in (FILE, FILE + ".metadata")]

        assert [named and named.digest.value for named in found] == [GOOD, OTHER]


def test_pages_that_nobody_asks_about_do_not_fill_the_memory() -> None:
    """Some projects' pages have megabytes, and some installs need hundreds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages_module, "_MOST", 1000)
        those = [page(file=f"https://files.invalid/{number}.whl") for number in range(100)]
        pages = pages_of(*those)

        assert sum(len(one.content) for one in pages._waiting) <= 1000
        assert pages.named("https://files.invalid/99.whl") is not None
        assert pages.named("https://files.invalid/0.whl") is None


def test_a_page_larger_than_the_memory_for_pages_is_still_read() -> None:
    """It is the one that is wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages_module, "_MOST", 10)

        assert pages_of(page(), page()).named(FILE) is not None


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        (INDEX, ("https://index.invalid/simple/", "demo")),
        (INDEX[:-1], ("https://index.invalid/simple/", "demo")),
        (INDEX + "?a=b#c", ("https://index.invalid/simple/", "demo")),
        (
            "https://index.invalid:8443/a/b/demo%2Dkit/",
            ("https://index.invalid:8443/a/b/", "demo-kit"),
        ),
        ("https://index.invalid/demo/", ("https://index.invalid/", "demo")),
        ("https://index.invalid/", None),
        ("https://index.invalid", None),
        ("", None),
        ("https://[", None),
        ("https://[::1/simple/demo/", None),
    ],
)
def test_a_page_s_url_tells_index_and_project(url: str, listed: tuple[str, str] | None) -> None:
    """By it a file is known to belong to a private index."""
    assert listed_by(url) == listed


@given(st.text())
def test_no_url_of_a_page_stops_anything(url: str) -> None:
    """It comes from pip's options, or from a redirect."""
    listed_by(url)
    pages_of(page(url=url)).named(FILE)


def test_no_page_is_read_while_every_index_serves_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who named a mirror would have every page read for every request of a healthy run."""
    read: list[object] = []
    monkeypatch.setattr(pages_module.digests, "on_page", lambda *page: read.append(page) or {})
    pages = pages_of(page())

    assert not pages.is_strange(FILE)
    assert read == []

    pages.passed(page(served_by="mirror.invalid"))
    pages.is_strange(FILE)

    assert len(read) == 2


# Which of several digests are computed.


@pytest.mark.parametrize(
    ("page_url", "again", "both"),
    [
        ("https://{host}/simple/demo/", False, False),
        ("https://{host}/simple/demo/", True, True),
        ("http://{host}/simple/demo/", False, True),
        ("https://index.example/simple/demo/", False, True),
        ("https://{host}.example/simple/demo/", False, True),
        (None, False, True),
    ],
)
def test_only_beside_pypi_s_own_hash_its_path_is_not_computed(
    page_url: str | None, again: bool, both: bool
) -> None:
    """Another index may name a hash for a file of PyPI's: who stands in for PyPI needs PyPI's."""
    with hooked_pip() as pip:
        stack = pip.run.stack
        path = f"/packages/aa/bb/{'c' * 60}/demo-1.0-py3-none-any.whl"
        url = f"https://{stack.file_host}{path}"
        link = Link(f"{url}#sha256={'d' * 64}", page_url and page_url.format(host=stack.host))
        with pip.run.downloading(link, again=again):
            known = pip.run.digests_of(url)
            enough = pip.run.enough_of(known, url)

    assert [one.algorithm for one in known] == ["blake2b", "sha256"]
    assert [one.algorithm for one in enough] == (["blake2b", "sha256"] if both else ["sha256"])


def test_a_page_of_somebody_else_needs_pypi_s_path_too() -> None:
    """What stands at PyPI's URL came from a mirror that the user named."""
    with hooked_pip() as pip:
        stack = pip.run.stack
        page_url = f"https://{stack.host}/simple/demo/"
        url = f"https://{stack.file_host}/packages/aa/bb/{'c' * 60}/demo-1.0-py3-none-any.whl"
        pip.run.pages.passed(page(page_url, "d" * 64, "mirror.example", url))
        with pip.run.downloading(Link(f"{url}#sha256={'d' * 64}", page_url), again=False):
            enough = pip.run.enough_of(pip.run.digests_of(url), url)

    assert [one.algorithm for one in enough] == ["blake2b", "sha256"]
