"""What does an install over a healthy network pay for the plugin being on?

The rule: the same pip installs the same files from the same server on loopback,
armed and not, in pairs A B B A (so that a drift of the machine hits both), each
run into a new folder with a new cache. What counts is the ratio within a pair.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measuring import Median, Run, header, progress, timed
from tests.end_to_end import wheelhouse
from tests.end_to_end.environments import Environment, environment_of
from tests.end_to_end.interpreters import PIPS, cell_of
from tests.end_to_end.local_index import serving, write_index, write_wheel
from tests.servers.authority import Authority

BUDGET = 1.03  # of plain pip's time by the clock
LARGE, SMALL = 50_000_000, 20_000
GIGABIT = 125_000_000  # bytes per second
CERTIFICATE = "authority.pem"


@dataclass(frozen=True)
class Load:
    """What is installed in one run."""

    name: str
    projects: tuple[str, ...]
    rate: float | None = None
    tls: bool = False


MADE = tuple(f"small{number:02}" for number in range(20))
REAL = tuple(one.partition("==")[0] for one in wheelhouse.SMALL)

# Loopback brings 1 GB/s: there the hash of 50 MB, which pip takes once and an
# armed pip twice, stands out. On a line of 1 Gbit/s it is done while waiting;
# over https, as PyPI and most others are asked, the ciphers cost something, too.
# Real wheels are unpacked and compiled; the made ones hold next to nothing, so
# that what a request costs stands out.
LOADS = (
    Load("50 MB over loopback", ("large",)),
    Load("50 MB at 1 Gbit/s", ("large",), GIGABIT),
    Load("50 MB at 1 Gbit/s, https", ("large",), GIGABIT, tls=True),
    Load("20 small wheels of PyPI", REAL),
    Load("20 empty wheels of 20 kB", MADE),
)


def write_files(folder: Path) -> None:
    """Lay out the index that is served."""
    wheels = [write_wheel(folder / "wheels", "large", ballast=LARGE)]
    wheels += [write_wheel(folder / "wheels", name, ballast=SMALL) for name in MADE]
    write_index(folder / "served", *wheels, *wheelhouse.small_wheels())


def install(environment: Environment, load: Load, url: str, *, armed: bool) -> Run:
    """Install once, into a new folder and with a new cache, and clean up."""
    target = environment.work / "target"
    options = ["--quiet", "--no-deps", "--index-url", url, "--target", str(target)]
    if load.tls:
        options += ["--cert", str(environment.work / CERTIFICATE)]
    argv = (str(environment.executable), "-m", "pip", "install", *options, *load.projects)
    output = environment.work / "output"
    try:
        run = timed(argv, environment.environ(armed=armed), output)
        if "standing aside" in output.read_text(errors="replace"):
            raise RuntimeError("what was measured is plain pip: the plugin stood aside")
        return run
    finally:
        shutil.rmtree(target, ignore_errors=True)
        environment.fresh_cache()


def pairs(environment: Environment, load: Load, url: str, count: int) -> list[tuple[Run, Run]]:
    """Return (plain, armed) runs, taken as A B B A."""
    for armed in (False, True):  # byte code, page cache
        install(environment, load, url, armed=armed)
    found = []
    for number in range(count):
        order = (False, True) if number % 2 == 0 else (True, False)
        runs = {armed: install(environment, load, url, armed=armed) for armed in order}
        found.append((runs[False], runs[True]))
        progress(number + 1, count, load.name)
    return found


def report(name: str, found: list[tuple[Run, Run]]) -> bool:
    """Print one line, and return whether the budget was kept."""
    wall = Median.of([armed.wall / plain.wall for plain, armed in found])
    processor = Median.of([armed.processor / plain.processor for plain, armed in found])
    base = Median.of([plain.wall for plain, _ in found]).middle
    kept = wall.middle <= BUDGET
    print(
        f"  {name:25} plain {base:6.3f} s  armed/plain {_shown(wall)}"
        f"  processor {_shown(processor)}  {'kept' if kept else 'MISSED'} (≤ {BUDGET})"
    )
    return kept


def _shown(ratio: Median) -> str:
    return f"{ratio.middle:.3f} ({ratio.low:.3f} … {ratio.high:.3f})"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pip",
        action="append",
        metavar="VERSION",
        choices=[row[0] for row in PIPS],
        help="a pip of the matrix; repeat for several (default: the oldest and the newest)",
    )
    parser.add_argument("--python", metavar="X.Y", help="try them on this Python instead")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of runs per line")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and return 1 where a budget was missed."""
    options = arguments()
    print(header("Clean install: armed against plain pip, one server on loopback"))
    kept, authority = True, Authority()
    with tempfile.TemporaryDirectory(prefix="pip-resilient-") as folder:
        write_files(Path(folder))
        for pip in options.pip or [PIPS[0][0], PIPS[-1][0]]:
            cell = cell_of(pip, options.python)
            environment = environment_of(cell).with_fresh_home()
            authority.write_to(environment.work / CERTIFICATE)
            print(f"{cell.id}, {options.pairs} pairs")
            for load in LOADS:
                trusted = authority if load.tls else None
                with serving(Path(folder) / "served", load.rate, trusted) as url:
                    kept &= report(load.name, pairs(environment, load, url, options.pairs))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
