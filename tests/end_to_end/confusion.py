"""Which world does a test of dependency confusion play, and who has learned what in it?

The rule: PyPI, a public mirror that the user named, every built-in mirror, a
private index and its spare are one host each, and all that any of them was ever
sent is looked at: paths, queries, headers, and what is in a Basic login.
"""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pip._internal.models.index import PyPI

from pip_resilient.mirrors.presets import PRESETS
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.packages import Index, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults import FaultServer, Seen

INDEX, FILES = PyPI.netloc, PyPI.file_storage_domain
MIRROR = "full.mirror.test"
CORP, CORP_FILES, SPARE = "index.corp.test", "files.corp.test", "spare.corp.test"
NAMED = f"https://{MIRROR}/simple/"
PRIVATE = f"https://{CORP}/simple/"
DECLARED = f"{PRIVATE}=https://{SPARE}/simple/"
BUILT_IN = {urlsplit(one.files).netloc: one for one in PRESETS if one.builtin}
TUNA = "https://pypi.tuna.tsinghua.edu.cn/simple/"

PUBLIC_NAME, PRIVATE_NAME = "demo", "corplib"
RIGHT = wheel(PRIVATE_NAME, "1.0", size=3000)
BAIT = wheel(PRIVATE_NAME, "9.0", size=3000)


@dataclass(frozen=True)
class World:
    """The hosts of a test.

    Attributes:
        pypi: PyPI, which holds `demo`.
        mirror: The full mirror that the user may name.
        corp: The private index, which alone holds `corplib`, and its spare.
    """

    pypi: PlayedPyPI
    mirror: Index
    corp: Index
    spare: Index
    built_in: dict[str, Index]
    _marks: dict[str, int] = field(default_factory=dict)

    def server(self, name: str) -> FaultServer:
        """Return what plays a host."""
        own = {INDEX: self.pypi.pages, FILES: self.pypi.files}
        return own.get(name) or self.pypi.host(name)

    def down(self, *names: str) -> None:
        """Let hosts be out of reach."""
        for name in names:
            self.server(name).pause_listening(drop=True)

    def bait(self, *names: str) -> None:
        """Let hosts hold a higher version of the private name."""
        held = {INDEX: self.pypi.index, MIRROR: self.mirror, **self.built_in}
        for name in names:
            held[name].add(PRIVATE_NAME, f"{PRIVATE_NAME}-9.0-py3-none-any.whl", BAIT)

    def forget(self) -> None:
        """Look only at what comes from now on."""
        for name in self._names():
            self._marks[name] = len(self.server(name).log)
        self._marks[""] = len(self.pypi.proxy.log)

    def seen(self, name: str) -> list[Seen]:
        """Return what a host was asked."""
        return self.server(name).log[self._marks.get(name, 0) :]

    def asked(self) -> set[str]:
        """Return the hosts that anything was asked of, whether somebody plays them or not."""
        through_proxy = {one.host for one in self.pypi.proxy.log[self._marks.get("", 0) :]}
        return through_proxy | {name for name in self._names() if self.seen(name)}

    def who_knows(self, word: str) -> set[str]:
        """Return the hosts that were sent a word, in whatever form."""
        return {
            name for name in self._names() if any(word in _said(one) for one in self.seen(name))
        }

    def _names(self) -> list[str]:
        return [INDEX, FILES, *self.pypi._hosts]


def _said(seen: Seen) -> str:
    """Return all that a request says, what is encoded in it in clear too."""
    said = [seen.target, seen.path, *(f"{name}: {value}" for name, value in seen.headers)]
    for _, value in seen.headers:
        if value.startswith("Basic "):
            said.append(base64.b64decode(value[6:]).decode("utf-8", "replace"))
    return "\n".join(said)


@contextlib.contextmanager
def played_world() -> Iterator[World]:
    """Lend it, with all hosts healthy."""
    with played_pypi() as pypi:
        pypi.index.add_wheel(PUBLIC_NAME, "1.0", size=3000)
        mirror = pypi.mirror(MIRROR).index
        corp, spare = (_private(pypi, name, files) for name, files in _PRIVATE)
        built_in = {
            host: pypi.mirror(host, urlsplit(one.files).path.removesuffix("/packages/")).index
            for host, one in BUILT_IN.items()
        }
        yield World(pypi, mirror, corp, spare, built_in)


_PRIVATE = ((CORP, CORP_FILES), (SPARE, SPARE))


def _private(pypi: PlayedPyPI, name: str, files: str) -> Index:
    urls = {"pages_url": f"https://{name}", "files_url": f"https://{files}"}
    index = Index(pypi.host(name), pypi.host(files), **urls)
    index.add(PRIVATE_NAME, f"{PRIVATE_NAME}-1.0-py3-none-any.whl", RIGHT)
    return index
