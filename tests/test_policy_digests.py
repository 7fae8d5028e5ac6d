"""Are digests read from pages and paths as pip reads them, and do they judge rightly?"""

from __future__ import annotations

import hashlib
import json
from html import escape
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pip_resilient.policy.digests import (
    ALGORITHMS,
    Digest,
    Mismatch,
    Verification,
    in_path,
    normalised,
)
from pip_resilient.policy.digests import on_page as listed_on

HTML, JSON = "text/html; charset=utf-8", "application/vnd.pypi.simple.v1+json"
BASE = "https://index.invalid/simple/demo/"
CONTENT = b"some bytes of a wheel"
HOST = "files.invalid"
BLAKE = hashlib.blake2b(CONTENT, digest_size=32).hexdigest()
PATH = f"/packages/{BLAKE[:2]}/{BLAKE[2:4]}/{BLAKE[4:]}/demo-1.0.tar.gz"

hex_values = st.text("0123456789abcdef", min_size=32, max_size=64)
names = st.from_regex(r"\A[a-z0-9_.+-]{1,20}\.(whl|tar\.gz)\Z")
links = st.dictionaries(names, st.tuples(st.sampled_from(ALGORITHMS), hex_values), max_size=8)


def on_page(*page: Any) -> dict[str, Digest]:
    return {url: one.digest for url, one in listed_on(*page).items()}


def html_page(files: dict[str, tuple[str, str]]) -> bytes:
    anchors = "\n".join(
        f'<a href="{escape(name)}#{algorithm}={value}">{escape(name)}</a><br/>'
        for name, (algorithm, value) in files.items()
    )
    return f"<!DOCTYPE html><html><body>{anchors}</body></html>".encode()


def json_page(files: dict[str, tuple[str, str]]) -> bytes:
    return json.dumps(
        {
            "meta": {"api-version": "1.1"},
            "name": "demo",
            "files": [
                {"filename": name, "url": name, "hashes": {algorithm: value}}
                for name, (algorithm, value) in files.items()
            ],
        }
    ).encode()


def sha256(value: str = "0" * 64) -> Digest:
    return Digest("sha256", value, "the index page of index.invalid")


def verification_of(*digests: Digest, content: bytes = CONTENT) -> Verification:
    verification = Verification(digests)
    verification.update(content)
    return verification


@given(links)
def test_both_forms_of_a_page_name_the_same_digests(files: dict[str, tuple[str, str]]) -> None:
    """pip asks for JSON or HTML by its version: the check must not depend on it."""
    from_html = on_page(html_page(files), HTML, BASE)

    assert from_html == on_page(json_page(files), JSON, BASE)
    assert {url: digest[:2] for url, digest in _plain(from_html).items()} == {
        normalised(BASE + name): pair for name, pair in files.items()
    }


def _plain(digests: dict[str, Digest]) -> dict[str, tuple[str, str, str]]:
    return {url: (one.algorithm, one.value, one.named_by) for url, one in digests.items()}


@given(st.binary(), st.sampled_from([HTML, JSON, ""]))
@example(b'<a href="http://[">x</a>', HTML)
@example(b'<a href="//[#sha256=00">x</a>', HTML)
@example(b'{"files": [{"url": "http://[", "hashes": {"sha256": "00"}}]}', JSON)
@example(b'{"files": 5}', JSON)
@example(b'{"files": [5, null, {"hashes": []}]}', JSON)
@example(b"[" * 100_000, JSON)
def test_no_page_raises(page: bytes, content_type: str) -> None:
    """A page that is junk is for pip to complain of."""
    assert isinstance(on_page(page, content_type, BASE), dict)


@given(st.text())
def test_no_link_raises(href: str) -> None:
    """One odd link would cost the digests of all the others."""
    page = f'<a href="{escape(href)}#sha256=00">odd</a><a href="x.whl#sha256=11">x</a>'

    assert on_page(page.encode("utf-8", "replace"), HTML, BASE)[BASE + "x.whl"].value == "11"


@pytest.mark.parametrize("odd", [{"url": "http://["}, {"url": None}, {}, 5])
def test_one_odd_file_does_not_cost_the_others(odd: object) -> None:
    """An index with one bad entry would be an index without digests."""
    if isinstance(odd, dict) and odd:
        odd = {**odd, "hashes": {"sha256": "00"}}
    page = {"files": [odd, {"url": "x.whl", "hashes": {"sha256": "11"}}]}

    assert on_page(json.dumps(page).encode(), JSON, BASE)[BASE + "x.whl"].value == "11"


@pytest.mark.parametrize(
    "hashes", [{"md5": "00", "sha256": "11"}, {"blake2b_256": "22", "sha256": "11"}]
)
def test_the_best_digest_of_several_is_taken(hashes: dict[str, str]) -> None:
    """One that pip does not know would hide one that it does; md5 is worth little."""
    page = {"files": [{"url": "x.whl", "hashes": hashes}]}

    assert on_page(json.dumps(page).encode(), JSON, BASE)[BASE + "x.whl"][:2] == ("sha256", "11")


@pytest.mark.parametrize("value", ["", "true", "zz"])
def test_what_is_no_digest_is_not_taken_for_one(value: str) -> None:
    """No file would ever have it."""
    page = f'<a href="x.whl#sha256={value}">x</a>'.encode()

    assert on_page(page, HTML, BASE) == {}


def test_a_digest_says_who_names_it() -> None:
    """A message must not claim more than is true."""
    page = b"<a class=x href = 'x.whl#sha256=AB&amp;egg=demo'>x</a>"

    assert on_page(page, HTML, BASE) == {
        BASE + "x.whl": Digest("sha256", "ab", "the index page of index.invalid")
    }


def test_a_link_without_digest_names_none() -> None:
    """`#egg=demo` is no digest."""
    page = b'<a href="x.whl">x</a><a href="y.whl#egg=demo">y</a><a href="z.whl#crc32=00">z</a>'

    assert on_page(page, HTML, BASE) == {}


@given(names)
def test_pip_s_way_to_quote_finds_the_digest(name: str) -> None:
    """pip asks for `demo-1.0%2Blocal.whl` where the page says `demo-1.0+local.whl`."""
    assert normalised(BASE + name.replace("+", "%2B") + "#sha256=00") == normalised(BASE + name)


def test_pypi_s_path_is_a_digest() -> None:
    """It is the one digest that needs no page."""
    digest = in_path(f"https://{HOST}{PATH}", HOST)

    assert digest == Digest("blake2b", BLAKE, "PyPI's file path")
    assert verification_of(digest).mismatch() is None


@pytest.mark.parametrize(
    "url",
    [
        f"https://elsewhere.invalid{PATH}",
        f"https://{HOST}{PATH}.metadata",
        f"https://{HOST}{PATH[:-20]}",
        f"https://{HOST}/packages/source/d/demo/demo-1.0.tar.gz",
        f"https://{HOST}{PATH.upper()}",
    ],
)
def test_only_pypi_s_own_files_are_named_by_their_path(url: str) -> None:
    """The right bytes of another host, or a .metadata file, would be refused."""
    assert in_path(url, HOST) is None


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)), st.sampled_from(ALGORITHMS))
def test_bytes_may_come_in_any_pieces(content: bytes, cuts: list[int], algorithm: str) -> None:
    """Networks cut where they like."""
    value = hashlib.new(algorithm, content).hexdigest()
    verification = Verification([Digest(algorithm, value, "x")])
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    for start, stop in zip(places, places[1:]):
        verification.update(memoryview(content)[start:stop])

    assert verification.mismatch() is None


def test_every_known_digest_must_hold() -> None:
    """A page that lies must not overrule the path, nor the path a page."""
    right = sha256(hashlib.sha256(CONTENT).hexdigest())
    wrong = Digest("blake2b", "1" * 64, "PyPI's file path")

    assert verification_of(right).mismatch() is None
    assert verification_of(right, wrong).mismatch() == Mismatch(wrong, BLAKE, disagree=True)
    assert verification_of(wrong, right).mismatch() == Mismatch(wrong, BLAKE, disagree=True)


def test_two_sources_that_contradict_each_other_are_never_both_right() -> None:
    """The same algorithm twice must be checked twice."""
    right = sha256(hashlib.sha256(CONTENT).hexdigest())

    assert verification_of(right, sha256("1" * 64)).mismatch() is not None


def test_without_digest_there_is_a_fingerprint() -> None:
    """Two fetches of one body are compared by it."""
    assert verification_of().mismatch() is None
    assert verification_of().fingerprint() == verification_of().fingerprint()
    assert verification_of().fingerprint() != verification_of(content=b"else").fingerprint()


def test_a_verification_begins_afresh() -> None:
    """The beginning of a second fetch is compared with that of the first."""
    afresh = verification_of(sha256()).afresh()

    assert afresh.digests == (sha256(),)
    assert afresh.fingerprint() == hashlib.sha256().hexdigest()


def test_a_copy_goes_its_own_way() -> None:
    """Two sources are tried for one rest, and the first may be wrong."""
    right = sha256(hashlib.sha256(CONTENT).hexdigest())
    begun = verification_of(right, content=CONTENT[:5])
    one, other = begun.copy(), begun.copy()
    one.update(CONTENT[5:])
    other.update(b"something else")

    assert one.digests == other.digests == (right,)
    assert one.mismatch() is None
    assert other.mismatch() is not None
    assert begun.fingerprint() == verification_of(content=CONTENT[:5]).fingerprint()


@given(st.sets(st.sampled_from([*ALGORITHMS, "blake2b"])), st.binary(), st.binary())
def test_a_copy_hashes_with_all_that_is_known(
    algorithms: set[str], begin: bytes, rest: bytes
) -> None:
    """One that is left out would never be checked."""
    whole = Verification([Digest(name, "x", "y") for name in sorted(algorithms)])
    whole.update(begin)
    copied = whole.copy()
    whole.update(rest)
    copied.update(rest)

    assert copied.fingerprint() == whole.fingerprint()
    assert copied.mismatch() == whole.mismatch()
    assert copied.afresh().digests == whole.digests


def test_a_copy_without_digest_has_a_fingerprint_too() -> None:
    """Two fetches of one body are compared by it."""
    assert verification_of().copy().fingerprint() == verification_of().fingerprint()


METADATA = {
    "new name": ({"core-metadata": {"sha256": "AA"}}, "data-core-metadata='sha256=AA'"),
    "old name": ({"dist-info-metadata": {"sha256": "aa"}}, 'data-dist-info-metadata="sha256=aa"'),
    "both": (
        {"core-metadata": {"sha256": "aa"}, "dist-info-metadata": {"sha256": "aa"}},
        'data-dist-info-metadata="sha256=aa" data-core-metadata="sha256=aa"',
    ),
}


@pytest.mark.parametrize(("as_json", "as_html"), METADATA.values(), ids=METADATA)
def test_metadata_beside_a_file_has_its_digest(as_json: dict[str, object], as_html: str) -> None:
    """PEP 658, and PEP 714 with the other name; without it a mirror's cannot be checked."""
    entry = {"url": "x.whl", "hashes": {"sha256": "11"}, **as_json}
    from_json = on_page(json.dumps({"files": [entry]}).encode(), JSON, BASE)
    from_html = on_page(f'<a href="x.whl#sha256=11" {as_html}>x</a>'.encode(), HTML, BASE)

    assert from_json == from_html
    assert {url: one.value for url, one in from_json.items()} == {
        BASE + "x.whl": "11",
        BASE + "x.whl.metadata": "aa",
    }


@pytest.mark.parametrize("said", [True, False, None, {}, {"sha256": "zz"}, {"crc32": "00"}, "aa"])
def test_metadata_without_digest_has_none(said: object) -> None:
    """The file's own digest is not that of its metadata."""
    entry = {"url": "x.whl", "hashes": {"sha256": "11"}, "core-metadata": said}
    found = on_page(json.dumps({"files": [entry]}).encode(), JSON, BASE)

    assert list(found) == [BASE + "x.whl"]


def test_metadata_has_its_digest_where_the_file_has_none() -> None:
    """They are two files."""
    page = b'<a href="x.whl" data-core-metadata="sha256=aa">x</a>'

    assert list(on_page(page, HTML, BASE)) == [BASE + "x.whl.metadata"]


def test_another_host_may_be_said_to_name_them() -> None:
    """Where a mirror's page is shown under the index's own URL."""
    page = b'<a href="x.whl#sha256=ab">x</a>'

    assert on_page(page, HTML, BASE, "mirror.example")[BASE + "x.whl"].named_by == (
        "the index page of mirror.example"
    )


@pytest.mark.parametrize(
    ("said", "size"), [(5, 5), (0, 0), (None, None), (-1, None), (True, None), ("5", None)]
)
def test_a_size_is_a_files_own(said: object, size: int | None) -> None:
    """PEP 700; of the metadata beside it none is said."""
    entry = {"url": "x.whl", "hashes": {"sha256": "11"}, "core-metadata": {"sha256": "22"}}
    page = json.dumps({"files": [{**entry, "size": said}]}).encode()
    found = listed_on(page, JSON, BASE)

    assert found[BASE + "x.whl"].size == size
    assert found[BASE + "x.whl.metadata"].size is None
