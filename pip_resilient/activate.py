"""Is this interpreter going to run pip, and if so, when is the moment to step in?

The rule: an interpreter that never imports pip pays for one comparison of a
name per import and for nothing else; one that runs pip pays no longer than
until both seams are there. So this module imports only `os` and `sys`, which
are there at every start, and keeps no state of its own: whether we wait is
read off `sys.meta_path`.

The `.pth` line runs twice per start in a virtual environment on Python ≤ 3.14
(`site.venv()` and `site.main()` both walk site-packages), so `arm()` may be
called any number of times.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Where pip's network code lives; pipenv carries a copy of pip under its own name.
HOMES = ("pip._internal.network.", "pipenv.patched.pip._internal.network.")
SEAMS = ("session", "download")
_WATCHED = frozenset(home + seam for home in HOMES for seam in SEAMS)


def arm() -> None:
    """Wait for pip's session module.

    Called by `pip_resilient.pth`, which looks whether `PIP_RESILIENT` is on.
    Safe to repeat.
    """
    finders: list[Any] = sys.meta_path
    if not any(_is_ours(finder) for finder in finders):
        finders.insert(0, Finder())


def disarm() -> None:
    """Stop waiting. What `hook.py` has already changed is for `hook.undo` to take back."""
    finders: list[Any] = sys.meta_path
    finders[:] = [finder for finder in finders if not _is_ours(finder)]


def _is_ours(finder: Any) -> bool:
    """Tell whether a finder is ours, also where it is of another copy of this module."""
    return getattr(finder, "waits_for_pip", False) is True


class Finder:
    """A meta path finder that finds nothing itself: it wraps the loaders of the seams.

    It asks the other finders, whatever they are, instead of `importlib.util`,
    whose import would cost every start milliseconds.
    """

    waits_for_pip = True

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec that another finder gives for a seam, with its loader wrapped."""
        if name not in _WATCHED:
            return None
        finders: list[Any] = sys.meta_path
        for finder in finders:
            find = getattr(finder, "find_spec", None)
            if find is None or _is_ours(finder):
                continue
            spec = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = Loader(spec.loader)
                return spec
        return None


class Loader:
    """The seam's own loader, followed by our hook."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        """Let the real loader make the module, where it can."""
        create = getattr(self._loader, "create_module", None)
        return create(spec) if create is not None else None

    def exec_module(self, module: Any) -> None:
        """Run the seam as if we were not there, then offer it to `hook.py`.

        `zipimporter` has no `exec_module` on Python ≤ 3.9, and pip 21.1 to 22.1
        run pip from a zip for build isolation.
        """
        loader = self._loader
        module.__loader__ = loader
        module.__spec__.loader = loader
        execute = getattr(loader, "exec_module", None)
        if execute is not None:
            execute(module)
        else:
            code = loader.get_code(module.__name__)
            exec(code, module.__dict__)  # noqa: S102  # what zipimporter.load_module does
        _offer(module)


def _offer(module: Any) -> None:
    """Hand a freshly imported seam to the hook; whatever happens, pip goes on.

    A build backend (`_in_process.py`) has lost site-packages by now, and its
    network is not pip's business: there we stay out, in silence.
    """
    try:
        if os.path.basename(str(sys.argv[0]) if sys.argv else "") == "_in_process.py":
            return
        from pip_resilient import hook  # noqa: PLC0415  # not before pip itself is imported

        hook.take(module, stand_aside)
        if _has_all(module.__name__):
            disarm()
    except Exception as error:  # an import of pip must never fail because of us
        stand_aside(f"{type(error).__name__}: {error}")


def _has_all(name: str) -> bool:
    """Tell whether nothing is left to wait for once a seam of this name is there.

    Where pipenv's copy came first, pip's own may follow in the same process.
    """
    own = HOMES[0]
    return name.startswith(own) and all(own + seam in sys.modules for seam in SEAMS)


def stand_aside(why: str) -> None:
    """Stop waiting, and say in one line on stderr why pip runs as if we were not there."""
    disarm()
    try:
        sys.stderr.write(f"pip-resilient: standing aside, pip runs without it ({why})\n")
    except Exception:  # stderr may be closed
        return
