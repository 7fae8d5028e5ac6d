"""Who may serve what, and under which URL?

The rule is a table (below), read off the URL that was asked for and off the
indexes that pip has. A public host learns only names that are public anyway:
files under PyPI's own paths, and the pages of PyPI's own index. For a private,
filtering or unknown index nobody is asked but the spares declared for it.

| asked for | who else may be asked |
|---|---|
| a file under PyPI's path | named mirrors; built-in ones where `unnamed` allows it |
| PyPI's page | mirrors named for pages |
| a file or page of a preset that is the user's own index | PyPI, then other named mirrors |
| another index, its pages and the files on them | the spares declared for it |
| anything else | nobody |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pip_resilient.mirrors.declared import Declared, Source, of_preset, preset_of
from pip_resilient.mirrors.presets import PRESETS
from pip_resilient.policy.index_urls import spelt
from pip_resilient.policy.origins import same_origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from pip_resilient.mirrors.presets import Preset

_HASH_PATH = r"([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60})/([^/?#]+)\Z"
# A project's name (PEP 508), and a file's that leads nowhere else.
_PROJECT = r"(?i)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z"
_FILE_NAME = r"\w[^/\\]*\Z"
_LOOPBACK = r"(localhost|127(\.\d{1,3}){3}|::1)\Z"

PYPI = "PyPI"
"""What messages call PyPI."""


class Asked(NamedTuple):
    """What a URL asks for.

    Attributes:
        what: `page`, `file` or `metadata`.
        whose: `pypi`, `preset` (a listed full public mirror) or `other`.
        index_url: The index that it belongs to, as `spelt`; empty for a file
            under PyPI's path, which tells none.
        project: Its normalised name (PEP 503).
        name: The file's name, quoted as in the URL; empty for a page.
        path: PyPI's own path of the file, `aa/bb/<60 hex>/name`, or nothing.
    """

    what: str
    whose: str
    index_url: str
    project: str
    name: str = ""
    path: str = ""


class Situation(NamedTuple):
    """What else matters for who may be asked.

    Attributes:
        indexes: pip's index URLs, the extra ones too.
        no_index: Whether pip was told to use none.
        particular: Whether pip was told of a proxy, a CA or a client
            certificate of its own: then this network is somebody's.
        announced: Whether the user will see what we say.
    """

    indexes: tuple[str, ...] = ()
    no_index: bool = False
    particular: bool = False
    announced: bool = True


class Group:
    """The indexes of a run, and who stands in for whom.

    Args:
        declared: What the user said.
        host: PyPI's host, pip's own constant.
        file_host: PyPI's file host, pip's own constant.
        chance: Spreads users over the built-in mirrors.
    """

    def __init__(self, declared: Declared, host: str, file_host: str, chance: Random) -> None:
        self.declared = declared
        self.pypi = Source(
            PYPI,
            "the Python Package Index",
            f"https://{host}/simple/",
            f"https://{file_host}/packages/",
            "pypi",
            named=True,
            pages=True,
        )
        builtin = [preset for preset in PRESETS if preset.builtin]
        self._unnamed = [
            of_preset(preset, named=False, pages=False) for preset in spread(builtin, chance)
        ]

    def asked(
        self, url: str, indexes: Sequence[str], listed_by: tuple[str, str] | None = None
    ) -> Asked | None:
        """Understand what a URL asks for; None where nobody else can have it.

        Args:
            url: Without userinfo.
            indexes: pip's index URLs.
            listed_by: The index and the project of the page that the URL
                stood on, where one is known.
        """
        found = self._hashed(url) or self._page(url, indexes)
        if listed_by is None or (found is not None and found.what == "page"):
            return found
        index, project = spelt(listed_by[0]) or "", normalised_name(listed_by[1])
        if found is not None:
            # What a private page calls a public file is private.
            return found if self._whose(index) == "other" else found._replace(project=project)
        what, name = _what(urlsplit(url).path.rpartition("/")[2])
        return Asked(what, "other", index, project, name) if index else None

    def _hashed(self, url: str) -> Asked | None:
        """Understand a URL that carries PyPI's own path of a file."""
        match = re.search(_HASH_PATH, url)
        if match is None:
            return None
        before = url[: match.start()]
        what, name = _what(match[2])
        if not re.match(_FILE_NAME, unquote(name)):
            return None
        project, path = project_of(unquote(name)), f"{match[1]}/{name}"
        if before == self.pypi.files:
            return Asked(what, "pypi", "", project, name, path)
        for preset in PRESETS:
            if _by_https(before) in (preset.files, *preset.other_files):
                return Asked(what, "preset", preset.index_url, project, name, path)
        return None

    def is_others(self, url: str, source: Source) -> bool:
        """Tell whether a URL is not one of a source's own: only the host there has a say in it."""
        if source.files and url.startswith(source.files):
            return False
        return self._hashed(url) is not None or not same_origin(url, source.index_url)

    def _page(self, url: str, indexes: Sequence[str]) -> Asked | None:
        address = spelt(url) if url.endswith("/") else None  # without it, it is a file to pip
        above, _, project = (address or "").rstrip("/").rpartition("/")
        if not re.match(_PROJECT, project):
            return None
        for index in filter(None, map(spelt, indexes)):
            if above + "/" == index:
                return Asked("page", self._whose(index), index, normalised_name(project))
        return None

    def _whose(self, index: str) -> str:
        if index == self.pypi.index_url:
            return "pypi"
        return "other" if _listed(index) is None else "preset"

    def sources(self, asked: Asked, situation: Situation) -> list[Source]:
        """Return who may serve this beside the host that was asked, in their order."""
        itself = _one_for_all(asked.index_url or self.pypi.index_url)
        found = [spare for origin, spare in self.declared.spares if _one_for_all(origin) == itself]
        if asked.whose != "other":
            found += self.declared.named
        if asked.what == "page":
            found = [source for source in found if source.pages and _safe_for_pages(source)]
        if asked.whose == "preset":
            alone = {_one_for_all(index) for index in situation.indexes} == {itself}
            if asked.what != "page" or alone:
                found.insert(0, self.pypi)
        elif asked.whose == "pypi" and asked.what != "page":
            found += self._allowed_unnamed(situation)
        once: dict[str, Source] = {}
        for source in found:
            once.setdefault(source.index_url, source)
        once.pop(itself, None)
        return list(once.values())

    def _allowed_unnamed(self, situation: Situation) -> list[Source]:
        """Return the built-in mirrors, or none of them where one could tell on somebody."""
        public = situation.indexes and all(
            self._whose(spelt(index) or "") != "other" for index in situation.indexes
        )
        hidden = situation.no_index or situation.particular or not situation.announced
        if not self.declared.default or not public or hidden:
            return []
        return self._unnamed

    def is_answer(self, asked: Asked, status: int) -> bool:
        """Tell whether an error status is an answer to be handed to pip.

        A full public mirror that refuses a page, or lacks a file which its
        page lists, says nothing of what exists.
        """
        if asked.whose != "preset":
            return True
        if asked.what == "page":
            return status != 403
        return status not in (403, 404, 410)


def spread(presets: Sequence[Preset], chance: Random) -> list[Preset]:
    """Draw one user's order: of twice the weight is twice as often the first.

    Weighted drawing without replacement by exponential keys (Efraimidis and
    Spirakis, 2006).
    """
    return sorted(presets, key=lambda preset: chance.expovariate(preset.weight))


def _what(name: str) -> tuple[str, str]:
    """Tell metadata beside a file (PEP 658) from the file; return its kind and the file's name."""
    if name.endswith(".metadata"):
        return "metadata", name[: -len(".metadata")]
    return "file", name


def _listed(index: str) -> Preset | None:
    """Return the listed mirror that an index of the user's is, also by plain http.

    What it has is public either way, and those who stand in for it are asked
    by https. To stand in for others itself it has to be named as it is listed.
    """
    return preset_of(_by_https(spelt(index) or ""))


def _by_https(url: str) -> str:
    return "https" + url[4:] if url.startswith("http:") else url


def _one_for_all(index: str) -> str:
    """Return one URL for all the addresses of an index."""
    preset = _listed(index)
    return (spelt(index) or "") if preset is None else preset.index_url


def _safe_for_pages(source: Source) -> bool:
    """Tell whether nobody on the way can have written the pages: pip's own rule."""
    parts = urlsplit(source.index_url)
    return parts.scheme == "https" or bool(re.match(_LOOPBACK, parts.hostname or ""))


def url_at(source: Source, asked: Asked) -> str | None:
    """Return where a source must have a file, or None: it has to be looked up on its page."""
    if source.files is None or not asked.path:
        return None
    return source.files + asked.path + (".metadata" if asked.what == "metadata" else "")


def page_at(source: Source, project: str) -> str:
    """Return the URL of a project's page; not every mirror redirects to the normalised name."""
    return f"{source.index_url}{quote(project, safe='')}/"


def normalised_name(name: str) -> str:
    """Return a project's name as its page is called (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project_of(filename: str) -> str:
    """Return the normalised name of the project that a file belongs to.

    A wheel's name ends at its first dash (PEP 427), that of an sdist at the
    last dash before its version (PEP 625; older ones may have dashes in it).
    """
    if filename.endswith(".whl"):
        return normalised_name(filename.partition("-")[0])
    stem = re.sub(r"\.(tar\.(gz|bz2|xz|Z)|tgz|zip|egg)\Z", "", filename)
    match = re.match(r"(.+?)-v?\d", stem)
    return normalised_name(match[1] if match else stem.rpartition("-")[0] or stem)
