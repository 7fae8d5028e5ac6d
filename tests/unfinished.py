"""How does a test leave an unfinished download behind, and see what is left of one?

The rule: it is written as a killed run would have left it, by the store itself.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from pip_resilient.session.aside import Aside
from pip_resilient.store.folder import Folder
from pip_resilient.store.partials import Partial, Partials

if TYPE_CHECKING:
    from pathlib import Path


def sha256(content: bytes) -> str:
    """Return what names a file whose bytes are these."""
    return hashlib.sha256(content).hexdigest()


def partials_in(state: Path) -> Partials:
    """Return the unfinished files below a state folder."""
    root = Folder.open(str(state))
    assert root is not None
    return Partials(root.sub("partials"), time.time)


def opened(state: Path, content: bytes, size: int | None = None) -> Partial:
    """Open the unfinished download of a file, as long as it is or is said to be."""
    size = len(content) if size is None else size
    partial = partials_in(state).open("sha256", sha256(content), size)
    assert partial is not None
    return partial


def leave(
    state: Path,
    content: bytes,
    *stretches: tuple[int, int],
    size: int | None = None,
    forged: bool = False,
) -> None:
    """Leave some bytes of a file, or others in their place that nothing but its digest shows."""
    there = bytes(len(content)) if forged else content
    aside = Aside(opened(state, content, size))
    for first, end in stretches:
        assert aside.put(first, there[first:end])
    aside.close()


def left(state: Path, content: bytes, size: int | None = None) -> list[tuple[int, int]]:
    """Return the stretches that the next run would find."""
    return [(one.first, one.end) for one in opened(state, content, size).stretches()]


def files(state: Path) -> list[str]:
    """Return the names of all files that are kept of unfinished downloads."""
    folder = state / "partials"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
