"""Is it wrapt's own wrapper that we get, and does everybody else still get all of wrapt?"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import wrapt

if TYPE_CHECKING:
    from pathlib import Path

LOOK = """
import sys
sys.path[:0] = {path!r}
from pip_resilient import wrapping
part = wrapping.import_wrapt()
left = [name for name in sys.modules if name.partition(".")[0] == "wrapt"]
wrapper = part.FunctionWrapper(len, lambda wrapped, instance, args, kwargs: -wrapped(*args))
import wrapt
print(part.__name__, wrapper("abc"), left, hasattr(wrapt, "wrap_function_wrapper"))
"""


def seen(*path: str, env: dict[str, str] | None = None) -> list[str]:
    """Return what a new interpreter sees: the part's name, a result, what is left, all of wrapt."""
    code = LOOK.format(path=list(path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **(env or {})},
    )
    return done.stdout.split()


def test_only_what_wraps_is_imported_and_nothing_of_it_is_left() -> None:
    """Whoever imports wrapt later must get all of it."""
    assert wrapt
    core = next(name for name in ("wrapt._wrappers", "wrapt.wrappers") if name in sys.modules)

    assert seen() == [core, "-3", "[]", "True"]


def test_the_extension_can_be_switched_off() -> None:
    """wrapt's own variable says so where the extension is at fault."""
    expected = ["wrapt.wrappers", "-3", "[]", "True"]

    assert seen(env={"WRAPT_DISABLE_EXTENSIONS": "1"}) == expected


@pytest.mark.parametrize("extra", ["", "_wrappers.py"])
def test_another_layout_means_all_of_wrapt(tmp_path: Path, extra: str) -> None:
    """A future wrapt may have its wrappers elsewhere, or something else under that name."""
    package = tmp_path / "wrapt"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from .elsewhere import FunctionWrapper\nwrap_function_wrapper = None\n"
    )
    (package / "elsewhere.py").write_text(
        "class FunctionWrapper:\n"
        "    def __init__(self, wrapped, wrapper):\n"
        "        self.both = wrapped, wrapper\n"
        "    def __call__(self, *args):\n"
        "        return self.both[1](self.both[0], None, args, {})\n"
    )
    if extra:
        (package / extra).write_text("raise ValueError('not yours')\n")
    part, result, *left, complete = seen(str(tmp_path))

    assert (part, result, complete) == ("wrapt", "-3", "True")
    assert sorted("".join(left).strip("[]").split(",")) == ["'wrapt'", "'wrapt.elsewhere'"]


def test_a_wrapt_that_is_there_is_used() -> None:
    """Another plugin may have imported it before."""
    code = (
        "import wrapt\nfrom pip_resilient import wrapping\nprint(wrapping.import_wrapt() is wrapt)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "True\n"
