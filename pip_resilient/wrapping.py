"""How much of wrapt is imported to wrap a few functions?

The rule: only what wraps, in C where there is a C extension; all of wrapt
where it is not laid out as we know it. It is always wrapt's own wrapper.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def import_wrapt() -> ModuleType:
    """Import that part of wrapt which wraps functions: its C extension where there is one.

    All of wrapt 2.x is a dozen modules, and asyncio. The part is imported under
    a parent that runs no code, and both are gone from `sys.modules` at once, so
    nobody else gets half a wrapt. Where it is not as in wrapt 1.14 to 2.x, all
    of it is imported.
    """
    beside = _beside()
    spec = None if "wrapt" in sys.modules else beside or PathFinder.find_spec("wrapt")
    if spec is None or spec.submodule_search_locations is None:
        return importlib.import_module("wrapt")
    parent = ModuleType("wrapt")
    parent.__path__ = spec.submodule_search_locations
    sys.modules["wrapt"] = parent
    try:
        return _wrapts_core(plain=beside is not None)
    except Exception:  # whatever it is, wrapt itself will know better
        _forget("wrapt")
        return importlib.import_module("wrapt")
    finally:
        if sys.modules.get("wrapt") is parent:
            _forget("wrapt")


def _beside() -> ModuleSpec | None:
    """Find the wrapt beside this plugin, where both were carried into a Python (`carrying`).

    Its extension may have been built for another one.
    """
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return None if home in sys.path else PathFinder.find_spec("wrapt", [home])


def _wrapts_core(*, plain: bool) -> ModuleType:
    plain = plain or bool(os.environ.get("WRAPT_DISABLE_EXTENSIONS"))
    for name in ("wrapt.wrappers",) if plain else ("wrapt._wrappers", "wrapt.wrappers"):
        with contextlib.suppress(ImportError):
            core = importlib.import_module(name)
            if isinstance(getattr(core, "FunctionWrapper", None), type):
                return core
    raise ImportError("wrapt's wrappers are elsewhere")


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        del sys.modules[name]
