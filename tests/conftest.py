"""What holds after every test?

The rule: pip is as it was, by identity, and none of our threads is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import pip_in_process

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _pip_is_as_it_was() -> Iterator[None]:
    """A change left in pip would be found by the next user of the process, not by us."""
    yield

    assert pip_in_process.traces() == []
    assert pip_in_process.threads() == []
