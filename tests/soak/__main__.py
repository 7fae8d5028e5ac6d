"""How is the soak started?

    python -m tests.soak [--seconds 3600] [--seed N] [--pips 20.3.4,26.3] [--parallel 2] [--only K]

The rule: the seed is printed first. Exit code 0: nothing was wrong; 1: something was.
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.end_to_end.environments import let_ctrl_c_arrive
from tests.soak.soaking import PIPS, probed, soak, told


def main() -> int:
    """Soak, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long (3600)")
    parser.add_argument("--seed", type=int, help="what is drawn follows from it (any)")
    parser.add_argument("--pips", default=",".join(PIPS), help="versions, by commas (%(default)s)")
    parser.add_argument("--parallel", type=int, default=2, help="scenes at once (2)")
    parser.add_argument("--only", type=int, help="play this one scene")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().getrandbits(32)
    pips = arguments.pips.split(",")
    let_ctrl_c_arrive()
    print(f"seed {seed}", flush=True)
    with probed(pips) as environments:
        if not environments:
            parser.error(f"no Python on this machine runs any of {arguments.pips}")
        there = [one.pip_version for one in environments]
        tally, bad = soak(
            seed,
            arguments.seconds,
            environments,
            parallel=arguments.parallel,
            only=arguments.only,
            say=lambda line: print(line, flush=True),
        )
    print(told(seed, there, bad))
    print(f"seed {seed}, pips {' '.join(there)}\n{tally.table()}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
