"""Does a while of random installs through random faults leave anything wrong?

The rule: from one seed, so that what fails here fails again. It is half a minute, five in
CI (PIP_RESILIENT_SOAK_SECONDS), and an hour with `python -m tests.soak`.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.soak.soaking import PIPS, probed, soak, told

SEED = 6
SECONDS = float(os.environ.get("PIP_RESILIENT_SOAK_SECONDS") or 30)
LONG = 200.0
"""Seconds; in fewer there is no time for more than the oldest pip and the newest."""


@pytest.mark.skipif(sys.platform != "linux", reason="what is left is read from /proc")
def test_nothing_is_ever_wrong() -> None:
    pips = PIPS if SECONDS > LONG else (PIPS[0], PIPS[-1])
    with probed(pips) as environments:
        if not environments:
            pytest.skip("no Python on this machine runs these pips")
        tally, bad = soak(SEED, SECONDS, environments)
        there = [one.pip_version for one in environments]
    print(tally.table())

    assert not bad, told(SEED, there, bad)
    assert tally.pips >= 1
