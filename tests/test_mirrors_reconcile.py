"""What is believed of a mirror's page, after what PyPI last said?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.mirrors.reconcile import Contradiction, Reconciled, find, reconcile
from pip_resilient.mirrors.simple_pages import File, Page

NAME = "foo-1.0-py3-none-any.whl"
GOOD, OTHER = "ab" * 32, "cd" * 32
NOON = 1_704_110_400.0  # 2024-01-01T12:00:00Z
BEFORE, AFTER = "2024-01-01T11:59:59Z", "2024-01-01T12:00:01.5Z"


def file(name: str = NAME, host: str = "mirror.example", digest: str = GOOD, **more: Any) -> File:
    return File(name, f"https://{host}/{name}", (("sha256", digest),), **more)


def pypis(name: str = NAME, **more: Any) -> File:
    return file(name, "origin.example", **more)


def compared(
    mirrors: File, *good: File, good_at: float | None = NOON, serial: int | None = None
) -> Reconciled:
    return reconcile(Page((mirrors,), serial), Page(good, 100), good_at, 100)


def test_a_file_that_pypi_names_too_is_shown_as_pypi_names_it() -> None:
    """A stale mirror takes back that a file was yanked, or for which Pythons it is."""
    known = pypis(yanked="broken", requires_python=">=3.9", metadata=(("sha256", OTHER),), size=7)
    result = compared(file(requires_python=">=2", upload_time=BEFORE, size=8), known)

    assert result.page.files == (known._replace(upload_time=BEFORE),)
    assert (result.mapped, result.withheld) == (1, ())


def test_a_file_of_another_digest_is_a_contradiction() -> None:
    """One of the two is not the file that was published."""
    with pytest.raises(Contradiction) as caught:
        compared(file(digest=OTHER), pypis())

    assert (caught.value.name, caught.value.known, caught.value.said) == (
        NAME,
        ("sha256", GOOD),
        ("sha256", OTHER),
    )
    assert str(caught.value) == (
        f"{NAME}: sha256={GOOD} on the last good page, sha256={OTHER} on the mirror's"
    )


def test_one_wrong_digest_of_two_is_a_contradiction() -> None:
    """A right one beside it must not hide it."""
    both = (("sha256", GOOD), ("md5", "0" * 32))
    with pytest.raises(Contradiction):
        compared(
            file()._replace(hashes=both),
            pypis()._replace(hashes=(("sha256", GOOD), ("md5", "1" * 32))),
        )


@pytest.mark.parametrize("hashes", [(), (("sha512", "0" * 128),), (("md5", "0" * 32),)])
def test_a_file_without_a_common_digest_never_passes_as_pypis(hashes: Any) -> None:
    """Nothing proves that it is the same: it has to be, byte for byte, and so its metadata."""
    mirrors = file(metadata=(("sha256", OTHER),))._replace(hashes=hashes)
    known = pypis(yanked="broken", metadata=(("sha256", GOOD),))
    result = compared(mirrors, known)

    assert result.page.files == (known._replace(url=mirrors.url),)
    assert result.mapped == 0
    without = compared(mirrors._replace(metadata=None), known).page.files[0]
    assert without.metadata is None, "pip would ask the mirror for what is not there"


def test_where_pypi_named_no_digest_the_mirrors_own_is_taken() -> None:
    """An index without digests has spares too; that its file is yanked holds all the same."""
    result = compared(file(), pypis(yanked="broken")._replace(hashes=()))

    assert result.page.files == (file(yanked="broken"),)


@pytest.mark.parametrize(
    ("uploaded", "serial", "good_at", "withheld"),
    [
        (BEFORE, None, NOON, True),
        (BEFORE, 101, NOON, True),
        (AFTER, 99, NOON, False),
        (None, 100, NOON, True),
        (None, 99, NOON, True),
        (None, 101, NOON, False),
        (None, None, NOON, False),
        (None, -1, NOON, False),
        ("junk", 100, NOON, True),
        (BEFORE, 101, None, False),
        (BEFORE, 100, None, True),
    ],
)
def test_what_pypi_has_removed_is_withheld(
    uploaded: str | None, serial: int | None, good_at: float | None, withheld: bool
) -> None:
    """A mirror keeps what PyPI took down, malware above all."""
    mirrors = file("foo-2.0.tar.gz", upload_time=uploaded)
    result = compared(mirrors, pypis(), good_at=good_at, serial=serial)

    assert result.withheld == (("foo-2.0.tar.gz",) if withheld else ())
    assert result.page.files == (() if withheld else (mirrors,))


def test_what_was_added_after_the_page_that_was_kept_is_not_withheld() -> None:
    """PyPI may have named a higher serial since: the mirror's new file is no removed one."""
    mirrors = file("foo-2.0.tar.gz")
    kept = Page((pypis(),), 100)

    assert reconcile(Page((mirrors,), 150), kept, NOON, 200).withheld == ()
    assert reconcile(Page((mirrors,), 150), kept._replace(serial=None), NOON, 200).withheld


def test_without_a_good_page_all_stays_as_the_mirror_says() -> None:
    """Nothing is known against it."""
    files = (file(upload_time=BEFORE), file("b-1.zip", metadata=(("sha256", GOOD),)))

    assert reconcile(Page(files, 5), None, None, 5) == Reconciled(Page(files, 5), (), False, 0)


def test_two_indexes_are_never_merged() -> None:
    """The mirror may not have what PyPI has: then pip must not choose it."""
    result = compared(file(), pypis(), pypis("foo-2.0.tar.gz"))

    assert [one.name for one in result.page.files] == [NAME]


@pytest.mark.parametrize("good", [None, Page(()), Page((pypis(metadata=()),))])
def test_metadata_is_kept_only_with_a_digest(good: Page | None) -> None:
    """pip would take its dependencies from bytes that nobody can check."""
    result = reconcile(Page((file(metadata=()),)), good, NOON, None)

    assert [one.metadata for one in result.page.files] == [None]


@pytest.mark.parametrize(
    ("serial", "mark", "stale"),
    [
        (99, 100, True),
        (100, 100, False),
        (101, 100, False),
        (None, 100, True),
        (-1, 100, True),
        (2**60, 100, True),
        (None, None, False),
        (99, None, False),
        (99, -1, False),
        (99, 2**60, False),
    ],
)
def test_a_page_is_stale_if_pypi_has_said_something_newer(
    serial: int | None, mark: int | None, stale: bool
) -> None:
    """It is used only if nothing better answers, and that is said."""
    assert reconcile(Page((), serial), None, None, mark).stale is stale


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("foo_bar-1.0.tar.gz", "Foo.Bar-1.0.tar.gz"),
        ("foo_bar-1.0.tar.gz", "foo-bar-1.0.tar.gz"),
        ("Foo_Bar-1.0-py3-none-any.whl", "foo.bar-1.0-py3-none-any.whl"),
    ],
)
def test_a_file_is_found_under_another_spelling(name: str, wanted: str) -> None:
    """Some servers write names as PEP 625 wants them, though they were uploaded otherwise."""
    page = Page((file("foo_bar-2.0.tar.gz"), file(name)))

    assert find(page, wanted) == file(name)


@pytest.mark.parametrize(
    "name",
    [
        "foo_bar-1.0.zip",
        "foo_bar-1.1.tar.gz",
        "foo_bar-1_0.tar.gz",
        "foo_bar.tar.gz",
        "",
        "foo_bar-1.0-py2-none-any.whl",
    ],
)
def test_another_file_is_not_found(name: str) -> None:
    """It would be fetched for nothing: its digest is another."""
    page = Page((file("foo_bar-1.0.tar.gz"), file("foo_bar-1.0-py3-none-any.whl")))

    assert find(page, name) is None


def test_the_exact_name_is_found_first() -> None:
    """Of two spellings one is what was asked for."""
    page = Page((file("Foo-1.0.zip", digest=OTHER), file("foo-1.0.zip")))

    assert find(page, "foo-1.0.zip") == page.files[1]


def test_another_spelling_is_pypis_file_only_by_its_digest() -> None:
    """A mirror's old file is no contradiction to a new one that is spelled otherwise."""
    known = pypis("foo-1.0.zip")

    assert compared(file("Foo-1.0.zip"), known).page.files == (known,)
    assert compared(file("Foo-1.0.zip", digest=OTHER, upload_time=AFTER), known).mapped == 0


digests = st.dictionaries(
    st.sampled_from(["sha256", "sha512", "md5"]), st.sampled_from(["0" * 4, "1" * 4]), max_size=2
).map(lambda drawn: tuple(drawn.items()))


def pages_of(host: str) -> st.SearchStrategy[Page]:
    drawn = st.builds(
        lambda name, hashes, yanked, metadata, moment: File(
            name, f"https://{host}/{name}", hashes, None, yanked, metadata, None, moment
        ),
        st.sampled_from(["a-1.zip", "A-1.zip", "b-1.zip", "c-1.zip"]),
        digests,
        st.none() | st.just("why"),
        st.none() | digests,
        st.sampled_from([None, BEFORE, AFTER, "junk"]),
    )
    return st.builds(
        Page, st.lists(drawn, max_size=4).map(tuple), st.none() | st.integers(-2, 2**54)
    )


@given(
    pages_of("mirror.example"),
    st.none() | pages_of("origin.example"),
    st.none() | st.floats(),
    st.none() | st.integers(-2, 2**54),
)
def test_only_a_digest_makes_a_file_pypis(
    page: Page, good: Page | None, good_at: float | None, mark: int | None
) -> None:
    """Everything else could be claimed by anyone."""
    try:
        result = reconcile(page, good, good_at, mark)
    except Contradiction:
        return
    origins = [one for one in result.page.files if "origin" in one.url]

    assert len(result.page.files) + len(result.withheld) == len(page.files)
    assert len(origins) == result.mapped
    assert {one.url for one in result.page.files} <= {
        one.url for one in (*page.files, *(good or page).files)
    }
    assert all(one.metadata != () for one in result.page.files)
    for one in origins:
        assert any(
            set(one.hashes) & set(theirs.hashes) and theirs.name.lower() == one.name.lower()
            for theirs in page.files
        )
