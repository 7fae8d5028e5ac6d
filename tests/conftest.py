"""What holds after every test?

The rule: pip is as it was, by identity, and none of our threads is left.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRACE = 5.0


@pytest.fixture(autouse=True)
def _pip_is_as_it_was() -> Iterator[None]:
    """A change left in pip would be found by the next user of the process, not by us."""
    yield
    hooked = sys.modules.get("tests.pip_in_process")  # nobody else hooks the pip that runs us
    ours = [one for one in threading.enumerate() if one.name.startswith("pip-resilient-")]
    for thread in ours:
        thread.join(_GRACE)

    assert [thread.name for thread in ours if thread.is_alive()] == []
    assert hooked is None or hooked.traces() == []
