"""Is a module of ours that cannot be imported found out before somebody else imports it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pip_resilient import changes

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_there_is_sound() -> None:
    assert changes.is_sound("last_call")


@pytest.mark.parametrize("content", [None, b"import (\n", b"\0" * 200, b"\xff\xfe"])
def test_what_is_damaged_or_gone_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """pip would end with the error of a module that it is asked to import."""
    monkeypatch.setattr(changes, "__file__", str(tmp_path / "changes.py"))
    if content is not None:
        (tmp_path / "last_call.py").write_bytes(content)

    assert not changes.is_sound("last_call")


def test_looking_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte code of another Python would outlive the uninstalling."""
    monkeypatch.setattr(changes, "__file__", str(tmp_path / "changes.py"))
    (tmp_path / "last_call.py").write_text("import os\n")

    assert changes.is_sound("last_call")
    assert [path.name for path in tmp_path.iterdir()] == ["last_call.py"]
