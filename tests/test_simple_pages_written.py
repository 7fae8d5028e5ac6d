"""Does a written simple-API page mean to every pip what the page that was read meant?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pip._internal.index import collector
from pip._internal.models.link import Link

from pip_resilient.mirrors.simple_pages import File, Page, parse, wants_json, write

URL = "https://mirror.example/simple/foo/"
JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "foo-1.0-py3-none-any.whl"
SHA256, MD5 = "ab" * 32, "ef" * 16
PIP_READS_JSON = hasattr(Link, "from_json")

hexes = {"sha256": 64, "sha512": 128, "md5": 32}
digests = st.sampled_from(sorted(hexes)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.text("0123456789abcdef", min_size=hexes[kind], max_size=hexes[kind]),
    )
)
# What a page can carry: one line of what can be shown.
texts = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")).filter(
    lambda text: text.isprintable()
)
names = st.builds(
    "{}-{}{}".format,
    st.text("abcXYZ_.äß", min_size=1, max_size=8),
    st.sampled_from(["1.0", "2!1.0+local", "0.1 rc", "1.0+x"]),
    st.sampled_from([".whl", ".tar.gz", ".zip"]),
)


@st.composite
def files(draw: st.DrawFn) -> File:
    """Draw a file that either form can carry whole."""
    name = draw(names)
    path = "".join(f"%{byte:02X}" for byte in name.encode())
    return File(
        name,
        draw(st.sampled_from(["https://files.example/a%20b/", "http://h:80/+f/"])) + path,
        tuple(draw(st.lists(digests, max_size=1))),
        draw(st.none() | texts.filter(bool)),
        draw(st.none() | texts),
        draw(st.none() | st.lists(digests, max_size=1).map(tuple)),
    )


pages = st.builds(Page, st.lists(files()).map(tuple), st.none() | st.integers(0, 2**53))


@given(pages, st.text(), st.lists(st.booleans(), min_size=1, max_size=3))
def test_a_page_means_the_same_in_either_form(page: Page, project: str, forms: list[bool]) -> None:
    """pip must choose the same file, whichever form it asks for."""
    got = page
    for as_json in forms:
        body, kind = write(got, project, as_json)
        got = parse(body, kind, "https://elsewhere.example/")

    assert got == page


def test_json_carries_what_html_cannot() -> None:
    """`--uploaded-prior-to` needs the upload time, and a split download the size."""
    file = File(
        WHEEL,
        f"https://h/{WHEEL}",
        (("sha256", SHA256), ("md5", MD5)),
        size=7,
        upload_time="2024-01-31T23:59:59.123456Z",
    )

    assert parse(*write(Page((file,)), "foo", True), URL).files == (file,)
    assert parse(*write(Page((file,)), "foo", False), URL).files == (
        File(WHEEL, file.url, file.hashes[:1]),
    )


@given(st.text(), st.text(), st.text())
@example("</title><a href='evil-1.zip'>", '"><a href="evil-1.zip">', "--><a href='evil-1.zip'>")
def test_nothing_that_is_written_becomes_a_link(project: str, yanked: str, python: str) -> None:
    """A mirror that could write into the page could name files of its own as PyPI's."""
    file = File(WHEEL, f"https://h/{WHEEL}", (), python, yanked, size=1)
    for as_json in (True, False):
        page = parse(*write(Page((file,)), project, as_json), URL)

        assert [one.url for one in page.files] == [file.url]


@pytest.mark.parametrize(
    ("accept", "json_taken"),
    [
        (f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01", True),
        (f"text/html, {JSON.upper()};q=0.5", True),
        ("text/html", False),
        ("*/*", False),
        ("", False),
        (f"{JSON}; q=0, text/html", False),
        (f"{JSON};q=0.000", False),
        ("application/vnd.pypi.simple.v2+json", False),
    ],
)
def test_a_pip_is_given_what_it_asked_for(accept: str, json_taken: bool) -> None:
    """pip before 22.2 does not know JSON."""
    assert wants_json(accept) is json_taken


def read_by_pip(body: bytes, kind: str) -> list[Link]:
    made: Any = getattr(collector, "IndexContent", None) or collector.HTMLPage  # before pip 22.2
    page = made(body, content_type=kind, encoding="utf-8", url=URL, cache_link_parsing=False)
    return list(collector.parse_links(page))


@pytest.mark.parametrize(
    "as_json",
    [False, pytest.param(True, marks=pytest.mark.skipif(not PIP_READS_JSON, reason="older pip"))],
)
@given(page=pages)
def test_pip_reads_a_written_page_as_it_is_meant(page: Page, as_json: bool) -> None:
    """Its own parser has the last word on what a page says."""
    links = read_by_pip(*write(page, "foo", as_json))

    assert [link.filename for link in links] == [file.name for file in page.files]
    assert [link.requires_python for link in links] == [file.requires_python for file in page.files]
    assert [link.is_yanked for link in links] == [file.yanked is not None for file in page.files]
    assert [link.yanked_reason for link in links] == [file.yanked for file in page.files]
    assert [
        (link.hash_name, link.hash) if link.hash_name else None for link in links
    ] == [file.hashes[0] if file.hashes else None for file in page.files]  # fmt: skip
    if links and hasattr(links[0], "metadata_file_data"):
        said = [link.metadata_file_data for link in links]
        assert [None if one is None else tuple((one.hashes or {}).items()) for one in said] == [
            file.metadata for file in page.files
        ]


def test_pip_and_we_find_the_same_links() -> None:
    """A link that only pip saw would pass unjudged, were the page shown as it is."""
    odd = [
        '<A HREF="a-1.zip">a</A>',
        "<a href=b-1.zip>b",
        "<a href='c-1.zip' href='no-1.zip'>c</a>",
        '<a data-yanked="x>y" href="d-1.zip#md5=' + MD5 + '">d</a',
        '><!-- <a href="no-1.zip"> --><script><a href="no-1.zip"></script>',
        '<a href="e&#45;1.zip?a=b&amp;c">e</a>',
        '<a href="f 1.zip"/>',
        "<a>none</a>",
    ]
    content = "<br>".join(odd).encode()

    assert [file.name for file in parse(content, "text/html", URL).files] == [
        link.filename for link in read_by_pip(content, "text/html")
    ]
