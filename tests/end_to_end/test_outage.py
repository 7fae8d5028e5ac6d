"""Does an install outlive an outage of its only host?

The rule: the outage has four faces in turn (refused, silent, 503, reset), and
comes in the midst of a download. `benchmarks/outage.py` runs the same at full
length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.outage import survive

if TYPE_CHECKING:
    from tests.end_to_end.environments import Environment

OUTAGE = 16.0
SOON = 15.0


def test_an_install_finishes_soon_after_an_outage(oldest_and_newest: Environment) -> None:
    """Stock pip's retries span eight seconds; a router takes a minute to start."""
    recovery = survive(oldest_and_newest, OUTAGE)

    assert recovery.returncode == 0, recovery.stderr
    assert recovery.right
    assert recovery.after <= SOON, recovery.stderr
