"""Does the README say what is true of the files beside it?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pip_resilient import settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PTH = (ROOT / "pip_resilient.pth").read_bytes()


def test_the_pth_line_and_its_digest_stand_in_the_readme() -> None:
    """A security team compares what it finds with what is written here."""
    assert PTH.decode("ascii").strip() in README
    assert hashlib.sha256(PTH).hexdigest() in README


def test_the_pth_is_one_short_line_without_tricks() -> None:
    """Scanners and people distrust start-up code, and they are right."""
    assert PTH.count(b"\n") == 1
    assert len(PTH) < 180
    assert not any(word in PTH for word in (b"exec", b"eval", b"base64", b"subprocess", b"open("))


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    """A setting that nobody can find does not exist."""
    defaults = settings.Settings()
    for name in settings.NAMES:
        default = getattr(defaults, name)
        said = "none" if default is None else f"{default:g}" if isinstance(default, float) else ""
        row = next(
            line for line in README.splitlines() if f"`PIP_RESILIENT_{name.upper()}`" in line
        )

        assert said in row.split("|")[2], row
