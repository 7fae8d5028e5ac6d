"""What of a mirror's page may be believed, after what PyPI last said?

The rule: where PyPI's own last good page names the same file by the same digest,
pip is shown PyPI's entry for it and not the mirror's, so a stale mirror cannot
take back that a file was yanked. Where the mirror names no digest that tells, the
file is the mirror's, and has to have PyPI's digests. What PyPI had removed by then
is withheld. A page that gives one of PyPI's files another digest is believed in
nothing. Two indexes are never merged: the mirror says which files there are.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pip_resilient.mirrors.page_values import seconds_of
from pip_resilient.mirrors.simple_pages import File, Page
from pip_resilient.policy.numbers import known_serial

_SOURCES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")


class Contradiction(ValueError):
    """A mirror names another digest for a file than PyPI's last good page.

    Attributes:
        name: The file's name.
        known: (algorithm, hex) of the last good page.
        said: The same of the mirror's page.
    """

    def __init__(self, name: str, known: tuple[str, str], said: tuple[str, str]) -> None:
        super().__init__(name, known, said)
        self.name = name
        self.known = known
        self.said = said

    def __str__(self) -> str:
        known, said = ("=".join(one) for one in (self.known, self.said))
        return f"{self.name}: {known} on the last good page, {said} on the mirror's"


class Reconciled(NamedTuple):
    """A mirror's page as it may be shown to pip.

    Attributes:
        page: In the mirror's order.
        withheld: Names of the files that PyPI has removed.
        stale: Whether PyPI is known to have said something newer, or nobody
            can tell how old the page is although PyPI's serial is known.
        mapped: How many files are PyPI's own entries.
    """

    page: Page
    withheld: tuple[str, ...]
    stale: bool
    mapped: int


def reconcile(page: Page, good: Page | None, good_at: float | None, mark: int | None) -> Reconciled:
    """Compare a mirror's page with PyPI's last good page of the same project.

    Args:
        page: The mirror's page.
        good: What PyPI itself said last, or None if nothing is known.
        good_at: When that was, in seconds since 1970; None if not known.
        mark: The highest serial that PyPI itself ever said, or None.

    Raises:
        Contradiction: The two pages name different digests for one file.
    """
    serial, mark = known_serial(page.serial), known_serial(mark)
    stale = mark is not None and (serial is None or serial < mark)
    named = _Named(good or Page(()))
    since = _Since(serial, mark, good, good_at)
    files, withheld, mapped = [], [], 0
    for file in page.files:
        known = named.find(file)
        if known is not None and _same_bytes(file, known):
            files.append(_with_checked_metadata(_as_pypi_says(file, known)))
            mapped += 1
        elif known is None and since.removed(file):
            withheld.append(file.name)
        else:
            files.append(_with_checked_metadata(_held_to(file, known)))
    return Reconciled(Page(tuple(files), serial), tuple(withheld), stale, mapped)


def find(page: Page, name: str) -> File | None:
    """Find a file on a page, by its exact name or else by another spelling of it.

    Other spellings are those that PEP 625 and the wheel format hold for the same
    (`Foo.Bar-1.0.tar.gz`, `foo_bar-1.0.tar.gz`). A name proves nothing then: the
    caller must demand the same digest.
    """
    exact = next((file for file in page.files if file.name == name), None)
    if exact is not None:
        return exact
    wanted = _spelling(name)
    return next((file for file in page.files if _spelling(file.name) == wanted), None)


def _spelling(name: str) -> tuple[str, ...]:
    """Return what all spellings of a file's name have in common."""
    lower = name.lower()
    if lower.endswith(".whl"):
        project, *rest = lower.split("-")
    else:
        ending = next((one for one in _SOURCES if lower.endswith(one)), "")
        project, _, version = lower[: len(lower) - len(ending)].rpartition("-")
        rest = [version, ending]
    return (re.sub(r"[-_.]+", "_", project), *rest)


class _Named:
    """PyPI's last good page, by name and by spelling."""

    def __init__(self, good: Page) -> None:
        self._exact = {file.name: file for file in reversed(good.files)}
        self._spelled = {_spelling(file.name): file for file in reversed(good.files)}

    def find(self, file: File) -> File | None:
        """Return PyPI's file of that name; one spelled otherwise only if its digest fits.

        PyPI never uses a name twice, but it may have had two spellings of one.
        """
        exact = self._exact.get(file.name)
        if exact is not None:
            return exact
        other = self._spelled.get(_spelling(file.name))
        return other if other is not None and _fits(file, other) else None


def _common(file: File, known: File) -> list[tuple[str, str, str]]:
    theirs = dict(known.hashes)
    return [(kind, theirs[kind], value) for kind, value in file.hashes if kind in theirs]


def _fits(file: File, known: File) -> bool:
    common = _common(file, known)
    return bool(common) and all(ours == theirs for _, ours, theirs in common)


def _same_bytes(file: File, known: File) -> bool:
    """Tell whether a digest proves it; raise if one proves the contrary."""
    for kind, ours, theirs in _common(file, known):
        if ours != theirs:
            raise Contradiction(file.name, (kind, ours), (kind, theirs))
    return _fits(file, known)


def _as_pypi_says(file: File, known: File) -> File:
    """Return PyPI's entry; only what HTML cannot say is taken from the mirror's."""
    return known._replace(
        size=file.size if known.size is None else known.size,
        upload_time=known.upload_time or file.upload_time,
    )


def _held_to(file: File, known: File | None) -> File:
    """Hold a file to what is known of PyPI's of that name: nobody can tell whether it is that.

    Its digests above all: a mirror that leaves them out, or names others, has them checked.
    """
    if known is None:
        return file
    yanked = known.yanked if file.yanked is None else file.yanked
    if not known.hashes:
        return file._replace(yanked=yanked)
    metadata = None if file.metadata is None else known.metadata  # of a file that is there
    shown = _as_pypi_says(file, known)
    return shown._replace(url=file.url, yanked=yanked, metadata=metadata)


def _with_checked_metadata(file: File) -> File:
    """Drop a `.metadata` that nothing could be checked by; pip reads the wheel then."""
    return file if file.metadata else file._replace(metadata=None)


class _Since:
    """What of a mirror's page must be older than PyPI's last good page."""

    def __init__(
        self, serial: int | None, mark: int | None, good: Page | None, good_at: float | None
    ) -> None:
        # The mark may be higher than the serial of the page that was kept: what
        # was added in between is on the mirror's page alone, and not removed.
        kept = known_serial(good.serial) if good is not None else None
        upto = mark if kept is None else kept
        self._whole_page = serial is not None and upto is not None and serial <= upto
        self._good = good is not None
        self._good_at = good_at

    def removed(self, file: File) -> bool:
        """Tell whether PyPI would have named the file if it still had it."""
        uploaded_at = seconds_of(file.upload_time)
        if not self._good:
            return False
        if uploaded_at is None or self._good_at is None:
            return self._whole_page
        return uploaded_at < self._good_at
