"""Does what a run knows of its surroundings hold wherever it runs?"""

from __future__ import annotations

import os

import pytest

from tests.pip_in_process import hooked_pip


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
def test_a_home_that_is_no_text_is_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of the built-in mirrors is drawn from its name, at the first trouble."""
    monkeypatch.setenv("HOME", os.fsdecode(b"/nowhere/j\xf6rg"))
    with hooked_pip() as pip:
        assert pip.run.group.declared.default
