"""Is a simple-API page read as pip would read it, whatever stands in it?"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pip_resilient.mirrors import html_links, simple_pages
from pip_resilient.mirrors.simple_pages import File, NotAPage, Page, parse, write

URL = "https://mirror.example/simple/foo/"
HTML = "text/html"
JSON = "application/vnd.pypi.simple.v1+json"
SHA256, SHA512 = "ab" * 32, "cd" * 64
WHEEL = "foo-1.0-py3-none-any.whl"


def html_page(*anchors: str, head: str = "", tail: str = "") -> bytes:
    lines = "<br>\n".join(anchors)
    return f"<!DOCTYPE html><html><head>{head}</head><body>{lines}</body></html>{tail}".encode()


def json_page(*entries: Any, **more: Any) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "files": entries, **more}).encode()


def entry(name: str = WHEEL, **more: Any) -> dict[str, Any]:
    return {"filename": name, "url": f"https://files.example/{name}", "hashes": {}, **more}


def only(content: bytes, content_type: str = HTML, url: str = URL) -> File:
    (file,) = parse(content, content_type, url).files
    return file


LAYOUTS = {
    "bandersnatch": (URL, f"../../packages/ab/cd/{'0' * 60}/", f"/packages/ab/cd/{'0' * 60}/"),
    "devpi": (
        "https://devpi.example/root/pypi/+simple/foo/",
        "../../+f/abc/0123456789abc/",
        "/root/pypi/+f/abc/0123456789abc/",
    ),
    "pypiserver": ("http://pypiserver.example:8080/simple/foo/", "/packages/", "/packages/"),
    "nexus": (
        "https://nexus.example/repository/pypi/simple/foo/",
        "../../packages/foo/1.0/",
        "/repository/pypi/packages/foo/1.0/",
    ),
    "gitlab": (
        "https://gitlab.example/api/v4/projects/1/packages/pypi/simple/foo",
        f"https://gitlab.example/api/v4/projects/1/packages/pypi/files/{SHA256}/",
        f"/api/v4/projects/1/packages/pypi/files/{SHA256}/",
    ),
    "artifactory": (
        "https://art.example/artifactory/api/pypi/r/simple/foo/",
        f"../../packages/packages/ab/cd/{'0' * 60}/",
        f"/artifactory/api/pypi/r/packages/packages/ab/cd/{'0' * 60}/",
    ),
    "proxpi": ("http://proxpi.example/index/foo/", "", "/index/foo/"),
    "codeartifact": (
        "https://d-1.d.codeartifact.eu.example/pypi/r/simple/foo/",
        "1.0/",
        "/pypi/r/simple/foo/1.0/",
    ),
}


@pytest.mark.parametrize(("url", "href", "path"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize(("kind", "digest"), [("sha256", SHA256), ("sha512", SHA512)])
def test_the_layouts_that_servers_have_are_read(
    url: str, href: str, path: str, kind: str, digest: str
) -> None:
    """A link read wrongly is a file that the spare seems not to have."""
    python = 'data-requires-python="&gt;=3.8"'
    file = only(html_page(f'<a href="{href}{WHEEL}#{kind}={digest}" {python}>x</a>'), url=url)

    assert file == File(WHEEL, urljoin(url, path) + WHEEL, ((kind, digest),), ">=3.8")


def test_a_json_page_of_shadowmire_is_read() -> None:
    """Its serial is a text, its URLs are relative, and provenance is left out."""
    content = json_page(
        entry(
            url=f"../../packages/{WHEEL}",
            hashes={"sha256": SHA256.upper(), "blake2b": "00"},
            **{"requires-python": ">=3.8", "core-metadata": {"sha256": SHA256}, "size": 7},
            **{"upload-time": "2024-01-31T23:59:59.5Z", "yanked": "broken"},
        ),
        meta={"api-version": "1.1", "_last-serial": "123"},
    )
    file = File(
        WHEEL,
        f"https://mirror.example/packages/{WHEEL}",
        (("sha256", SHA256),),
        ">=3.8",
        "broken",
        (("sha256", SHA256),),
        7,
        "2024-01-31T23:59:59.500000Z",
    )

    assert parse(content, JSON, URL) == Page((file,), 123)


@pytest.mark.parametrize(
    ("attribute", "yanked"),
    [("", None), ('data-yanked=""', ""), ("data-yanked", ""), ('data-yanked="a&#10;b"', "a b")],
)
def test_a_yanked_file_stays_yanked(attribute: str, yanked: str | None) -> None:
    """Otherwise a release that was taken back is installed (PEP 592: a value is optional)."""
    assert only(html_page(f'<a href="{WHEEL}" {attribute}>x</a>')).yanked == yanked


@pytest.mark.parametrize(
    ("said", "yanked"), [(False, None), (True, ""), ("", None), ("why", "why"), ([1], "")]
)
def test_a_yanked_file_stays_yanked_in_json(said: Any, yanked: str | None) -> None:
    """pip makes the same of what it is (models/link.py, `Link.from_json`)."""
    assert only(json_page(entry(yanked=said)), JSON).yanked == yanked


@pytest.mark.parametrize(
    ("attributes", "metadata"),
    [
        ("", None),
        ('data-core-metadata="true"', ()),
        (f'data-core-metadata="sha256={SHA256}"', (("sha256", SHA256),)),
        (f'data-dist-info-metadata="sha256={SHA256}"', (("sha256", SHA256),)),
        (f'data-core-metadata="true" data-dist-info-metadata="sha256={SHA256}"', ()),
        ('data-core-metadata="sha256=beef"', ()),
    ],
)
def test_metadata_is_read_under_both_of_its_names(attributes: str, metadata: object) -> None:
    """PEP 714 has renamed it."""
    assert only(html_page(f'<a href="{WHEEL}" {attributes}>x</a>')).metadata == metadata


@pytest.mark.parametrize(
    ("more", "metadata"),
    [
        ({"core-metadata": False, "dist-info-metadata": True}, None),
        ({"dist-info-metadata": True}, ()),
        ({"core-metadata": {}}, ()),
        ({"core-metadata": {"sha256": SHA256}}, (("sha256", SHA256),)),
    ],
)
def test_metadata_is_read_in_json_too(more: dict[str, Any], metadata: object) -> None:
    """PEP 691 has it as a boolean or as hashes."""
    assert only(json_page(entry(**more)), JSON).metadata == metadata


@pytest.mark.parametrize(
    ("base", "at"),
    [
        ('<base href="https://cdn.example/x/">', "https://cdn.example/x/"),
        ('<base href="/x/">', "https://mirror.example/x/"),
        ("<base>", URL),
        ('<base target="_top"><base href="https://cdn.example/"><base href="/no/">',
         "https://cdn.example/"),
    ],
)  # fmt: skip
def test_links_begin_at_the_base(base: str, at: str) -> None:
    """Some proxies answer under another address than the one asked."""
    assert only(html_page(f'<a href="{WHEEL}">x</a>', head=base)).url == at + WHEEL


@pytest.mark.parametrize(
    "href",
    [
        "",
        "..",
        "/",
        "mailto:a@b",
        f"file:///{WHEEL}",
        f"ftp://h/{WHEEL}",
        f"git+https://h/{WHEEL}",
        f"https:///{WHEEL}",
        f"https://[h/{WHEEL}",
        f"https://h:99999/{WHEEL}",
        f'https://h"/{WHEEL}',
        f"https://h\\@i/{WHEEL}",
        f"https://\N{SNOWMAN}.example/{WHEEL}",
        f"a%2F{WHEEL}",
        f"a%5C{WHEEL}",
        f"a%0A{WHEEL}",
        f"a%00{WHEEL}",
        f"a%E2%80%AE{WHEEL}",
        "%2E%2E",
        f"{WHEEL}#sha256=beef",
        f"{WHEEL}#sha256={'g' * 64}",
        f"{WHEEL}?{'x' * 20_000}",
        "readme.html",
    ],
)
def test_a_link_that_pip_must_not_follow_is_left_out(href: str) -> None:
    """A page of a stranger must not name a place on this machine, nor write to the terminal."""
    escaped = href.replace('"', "&quot;")
    page = parse(html_page(f'<a href="{escaped}">x</a>', '<a href="b-1.zip">b</a>'), HTML, URL)

    assert [file.name for file in page.files] == ["b-1.zip"]


@pytest.mark.parametrize(
    "bad",
    [
        3,
        {},
        {"url": WHEEL},
        entry(url=None),
        entry(url=["x"]),
        entry(url="\ud800"),
        entry(filename="bar-1.0-py3-none-any.whl"),
        entry(hashes=[SHA256]),
        entry(hashes={"sha256": 7}),
        entry(hashes={"sha256": None}),
        entry(filename=3),
        entry(name="../evil.whl"),
    ],
)
def test_an_entry_that_pip_would_misread_is_left_out(bad: Any) -> None:
    """pip takes the name from the URL: another name beside it would hide what it really is."""
    assert only(json_page(bad, entry("b-1.zip")), JSON).name == "b-1.zip"


@pytest.mark.parametrize(
    ("size", "moment"),
    [(-1, "yesterday"), (True, 5), (2**60, "2024-02-30T00:00:00Z"), ("7", "2024-01-01"), (1.5, {})],
)
def test_a_value_of_no_sense_is_no_value(size: Any, moment: Any) -> None:
    """pip fails on a time that it cannot read, with a traceback."""
    file = only(json_page(entry(size=size, **{"upload-time": moment})), JSON)

    assert (file.size, file.upload_time) == (None, None)


def test_a_digest_in_a_json_url_has_the_last_word() -> None:
    """It has in pip: what we compare must be what pip checks."""
    url = f"https://h/{WHEEL}#sha256={SHA256}"

    assert only(json_page(entry(url=url, hashes={"sha256": "0" * 64})), JSON).hashes == (
        ("sha256", SHA256),
    )


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", HTML),
        (html_page("<h1>Sign in</h1>", '<a href="/help">help</a>'), HTML),
        (html_page('<a href="client-1.zip">x</a>', '<input type="Password">'), HTML),
        (html_page('<a href="/simple/foo/">foo</a>', head="<title>Simple index</title>"), HTML),
        (html_page("<a href='a-1.zip'>a</a>",
                   head='<meta name="pypi:repository-version" content="2.0">'), HTML),
        (html_page(f"<a href='{WHEEL}'>a</a>"), "application/octet-stream"),
        (html_page(f"<a href='{WHEEL}'>a</a>"), ""),
        (html_page(f"<a href='{WHEEL}'>a</a>"), JSON),
        (html_page(f"<a href='{WHEEL}'>a</a>"), "text/html; charset=punycode"),
        (b"<a href='a-1.zip'>\xff</a>", HTML),
        (b"<a " + b"x " * 200_000, HTML),
        (b"<a " + b"x " * 2_000_000 + b"href='a-1.zip'>", HTML),
        (b"<b>" * 2_000_000, HTML),
        (b"&#" + b"9" * 5000 + b";", HTML),
        (json_page(), HTML),
        (b"{}", JSON),
        (b"[]", JSON),
        (b'{"files": {}}', JSON),
        (b'{"files": [}', JSON),
        (b"[" * 100_000, JSON),
        (b"[" * 4_000_000, JSON),
        (b"\xff", JSON),
        (json_page(meta={"api-version": "2.0"}), JSON),
        (json_page(meta={"api-version": ["1.0"]}), JSON),
        (json_page(projects=[], files=None), JSON),
    ],
)  # fmt: skip
def test_what_is_no_page_is_no_page(content: bytes, content_type: str) -> None:
    """From a spare nothing but a page is an answer; a login page says nothing about packages."""
    with pytest.raises(NotAPage):
        parse(content, content_type, URL)


def test_a_page_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory."""
    page = html_page(*['<a href="b-1.zip">b</a>'] * 3)
    monkeypatch.setattr(simple_pages, "MOST_FILES", 2)
    for content, kind in ((page, HTML), (json_page(*[entry()] * 3), JSON)):
        with pytest.raises(NotAPage, match="over 2 "):
            parse(content, kind, URL)
    monkeypatch.setattr(simple_pages, "LONGEST_PAGE", len(page) - 1)
    with pytest.raises(NotAPage, match="bytes"):
        parse(page, HTML, URL)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (html_page(head="<title>Links for foo</title>"), HTML),
        (html_page("<h1>Links for foo</h1>"), "application/vnd.pypi.simple.v1+html"),
        (html_page(head='<meta name="pypi:repository-version" content="1.4">'), HTML),
        (html_page(tail="<!--SERIAL 5-->"), "Text/HTML; charset=UTF-8"),
        (json_page(), JSON),
        (b'{"files": []}', f"{JSON}; charset=utf-8"),
    ],
)
def test_a_project_without_files_is_a_page(content: bytes, content_type: str) -> None:
    """Such projects are: all releases may have been removed."""
    assert parse(content, content_type, URL).files == ()


@pytest.mark.parametrize(
    ("tail", "header", "serial"),
    [
        ("", None, None),
        ("<!--SERIAL 12-->\n", None, 12),
        ("", "12", 12),
        ("<!--SERIAL 12-->", "11", 11),
        ("<!--SERIAL 12-->", "13", 12),
        ("<!--SERIAL 12-->", "-1", 12),
        ("<!--SERIAL 99999999999999999-->", "\N{ARABIC-INDIC DIGIT FIVE}", None),
    ],
)
def test_a_page_is_as_old_as_it_says(tail: str, header: str | None, serial: int | None) -> None:
    """A stale page that looked fresh would be preferred."""
    content = html_page('<a href="b-1.zip">b</a>', tail=tail)

    assert parse(content, HTML, URL, header).serial == serial


@pytest.mark.parametrize("said", [-1, 2**53 + 1, 1.0, True, None, "", "1e3", [], "9" * 5000])
def test_an_absurd_serial_is_unknown(said: Any) -> None:
    """One giant number would make a mirror the freshest for ever."""
    meta = {"api-version": "1.0", "_last-serial": said}

    assert parse(json_page(meta=meta), JSON, URL).serial is None


@example(b"<a href='a-1.zip'>a</a><![<![", HTML, URL, None)
@given(
    st.binary()
    | st.text().map(str.encode)
    | st.lists(
        st.sampled_from(
            ["<a href=", '"', "'", "x-1.zip", ">", "</a>", "<![", "<!--", "]", "<script>", "&#",
             "9", "<base href=", "//[", "data-yanked", "=", " ", "content=", "#sha256=", "<?",
             "<meta name=pypi:repository-version ", "\ud7ff", "</", "<title>", "Links for"]
        )
    ).map(lambda parts: "".join(parts).encode()),
    st.sampled_from([HTML, JSON, "text/html; charset=latin-1", "text/html; charset="]) | st.text(),
    st.sampled_from([URL, "", "x", "https://[/", "http://h:x/"]) | st.text(),
    st.none() | st.text(),
)  # fmt: skip
def test_no_bytes_raise_anything_but_not_a_page(
    content: bytes, content_type: str, url: str, serial: str | None
) -> None:
    """A page made to raise would end pip with a traceback of ours."""
    try:
        page = parse(content, content_type, url, serial)
    except NotAPage:
        return
    for as_json in (True, False):
        write(page, "foo", as_json)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
json_entries = st.fixed_dictionaries(
    {},
    optional={
        "filename": json_values | st.just(WHEEL),
        "url": json_values | st.just(WHEEL),
        "hashes": json_values | st.just({"sha256": SHA256}),
        **dict.fromkeys(
            ["requires-python", "yanked", "core-metadata", "size", "upload-time"], json_values
        ),
    },
)


@given(
    st.lists(json_entries | json_values) | json_values,
    json_values | st.fixed_dictionaries({"api-version": json_values, "_last-serial": json_values}),
)
def test_no_types_raise_anything_but_not_a_page(listed: Any, meta: Any) -> None:
    """JSON of the right shape may have anything anywhere."""
    content = json.dumps({"files": listed, "meta": meta}).encode()
    try:
        page = parse(content, JSON, URL)
    except NotAPage:
        return
    for as_json in (True, False):
        body, kind = write(page, "foo", as_json)

        assert [file.name for file in page.files] == [
            file.name for file in parse(body, kind, URL).files
        ] or not as_json


@given(st.integers(1, 200), st.integers(0, 3))
def test_a_page_is_cut_into_slices_without_a_trace(length: int, shift: int) -> None:
    """pip's parser gets it in one piece."""
    anchors = [f'<a href= "{n}-1.zip" data-requires-python= ">=3, <4">{n}</a>' for n in range(9)]
    content = " " * shift + html_page(*anchors).decode()
    with pytest.MonkeyPatch.context() as patch:
        whole = html_links.links_of(content, 9)
        patch.setattr(html_links, "SLICE", 100 + length)

        assert html_links.links_of(content, 9) == whole


def test_a_healthy_run_does_not_import_it() -> None:
    """Every run of pip would pay for a parser that only an outage needs."""
    code = "import sys, pip_resilient.hook; print([m for m in sys.modules if 'mirrors' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("form", ["html", "json"])
def test_a_name_with_a_percent_sign_is_left_out(form: str) -> None:
    """pip unquotes it once more, and would take it for another file than the digest is of."""
    url = "https://files.example/x-1%2541.whl"
    good = "https://files.example/x-1.0.whl"
    if form == "html":
        content = f'<!DOCTYPE html><a href="{url}">x</a><a href="{good}">x</a>'.encode()
        kind = "text/html"
    else:
        named = (("x-1%41.whl", url), ("x-1.0.whl", good))
        files = [{"filename": name, "url": one, "hashes": {}} for name, one in named]
        content = json.dumps({"meta": {"api-version": "1.0"}, "name": "x", "files": files}).encode()
        kind = "application/vnd.pypi.simple.v1+json"

    page = parse(content, kind, "https://mirror.example/simple/x/")

    assert [file.name for file in page.files] == ["x-1.0.whl"]
