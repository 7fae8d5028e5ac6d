"""Does docs/neighbours.md name the versions that were tried?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.server_software import PINNED

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "neighbours.md"
NO_NEIGHBOURS = {"devpi-server", "pypiserver", "proxpi", "mitmproxy"}  # servers
TOOLS = sorted(PINNED.keys() - NO_NEIGHBOURS)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_version_that_is_told_is_the_one_that_is_tried(tool: str) -> None:
    """A pin that is moved on must take the table with it."""
    assert f"{tool} {PINNED[tool]}" in DOCUMENT.read_text(encoding="utf-8")
