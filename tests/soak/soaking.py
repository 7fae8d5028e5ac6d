"""How long does it go on, and what is said at the end?

The rule: scene after scene until the time is up or something is wrong. The first
violation ends it, with all that is needed to see it again.
"""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tests.end_to_end.environments import environment_of
from tests.end_to_end.interpreters import cell_of
from tests.soak.scenes import Verdict, play_scene
from tests.soak.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.end_to_end.environments import Environment

PIPS = ("20.3.4", "23.0.1", "25.0.1", "26.1.2", "26.3")
PROBE = Path(__file__).with_name("soak_probe.py")


@contextmanager
def probed(pips: Sequence[str]) -> Iterator[list[Environment]]:
    """Lend environments with these pips, as far as this machine has Pythons for them.

    In each the probe is imported at every start: see `soak_probe`.
    """
    with ExitStack() as stack:
        found = []
        for version in pips:
            cell = cell_of(version)
            if cell.interpreter is None:
                continue
            copy = stack.enter_context(environment_of(cell).throw_away_copy())
            (copy.site_packages / PROBE.name).write_bytes(PROBE.read_bytes())
            (copy.site_packages / "a_soak_probe.pth").write_text("import soak_probe\n")
            found.append(copy)
        yield found


def soak(
    seed: int,
    seconds: float,
    environments: Sequence[Environment],
    *,
    parallel: int = 1,
    only: int | None = None,
    say: Callable[[str], None] = print,
) -> tuple[Tally, list[Verdict]]:
    """Play scenes until the time is up, or until one shows a violation.

    Args:
        seed: What is drawn follows from it.
        seconds: After so many no scene is begun.
        environments: Pips to choose from.
        parallel: How many scenes play at once.
        only: The number of the one scene to play.
        say: Told a line now and then.

    Returns:
        What there was, and the scenes with violations.
    """
    tally, bad = Tally(), list[Verdict]()
    numbers = itertools.count(1) if only is None else iter([only])
    lock, end = threading.Lock(), time.monotonic() + seconds
    over = threading.Event()

    def scenes() -> Iterator[int]:
        while not (over.is_set() or bad or (only is None and time.monotonic() > end)):
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    def work() -> None:
        try:
            for number in scenes():
                verdict = play_scene(seed, number, environments)
                with lock:
                    tally.add(verdict.tally)
                    if verdict.problems:
                        bad.append(verdict)
                    elif number % 20 == 0:
                        say(f"{number} scenes, {tally.pips} pips, {tally.healed} healed")
        finally:
            over.set()  # what ended this one, an error too, is the end for all

    with ThreadPoolExecutor(parallel) as pool:
        try:
            for worker in [pool.submit(work) for _ in range(parallel)]:
                worker.result()
        finally:
            over.set()  # Ctrl-C comes here, and not to them
    return tally, bad


def told(seed: int, pips: Sequence[str], bad: Sequence[Verdict]) -> str:
    """Write down what went wrong, and how to see it again."""
    lines, again = [], "python -m tests.soak"
    for one in bad:
        lines += [
            "",
            f"VIOLATION: seed {seed}, scene {one.number}",
            *(f"  {problem}" for problem in one.problems),
            one.report,
            f"to see it again: {again} --seed {seed} --only {one.number} --pips {','.join(pips)}",
        ]
    return "\n".join(lines)
