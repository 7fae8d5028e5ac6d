"""What does every start of Python pay for the plugin being installed?

The rule: five environments that differ in nothing but the `.pth` file and the one
variable are started in shuffled rounds, and each start is compared with the starts
of its own round. The row "bare again" is what this machine can tell apart: a
difference of that size means nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measuring import Median, header, progress, timed
from tests.end_to_end.interpreters import PYTHONS, interpreter_of
from tests.end_to_end.wheelhouse import built_wheel

OFF_BUDGET = 0.2  # ms over a comment-only `.pth`, the variable unset
ON_BUDGET = 2.5  # ms over no `.pth` at all, PIP_RESILIENT=1

BARE, AGAIN, COMMENT, OFF, ON = "bare", "bare again", "comment-only .pth", "ours, off", "ours, on"
ROWS = (BARE, AGAIN, COMMENT, OFF, ON)
NAMES = {
    BARE: "no .pth",
    AGAIN: "no .pth (the noise)",
    COMMENT: "a .pth that holds a comment",
    OFF: "our .pth, PIP_RESILIENT unset",
    ON: "our .pth, PIP_RESILIENT=1",
}


@dataclass(frozen=True)
class Row:
    """One environment and how it is started."""

    argv: tuple[str, ...]
    environ: dict[str, str]


def prepared(interpreter: str, folder: Path) -> dict[str, Row]:
    """Make one environment per row, all with paths of the same length."""
    rows = {}
    for number, name in enumerate(ROWS):
        root = folder / f"row-{number}"
        subprocess.run([interpreter, "-m", "venv", "--without-pip", str(root)], check=True)
        (site_packages,) = root.glob("lib/python3.*/site-packages")
        if name in (OFF, ON, COMMENT):
            with zipfile.ZipFile(built_wheel()) as wheel:
                wheel.extractall(site_packages)
        if name == COMMENT:
            pth = site_packages / "pip_resilient.pth"
            pth.write_text("#" * (pth.stat().st_size - 1) + "\n")
        python = str(root / "bin" / "python")
        subprocess.run([python, "-m", "compileall", "-q", str(site_packages)], check=True)
        environ = {"PATH": os.defpath, "HOME": str(folder)}
        rows[name] = Row(
            (python, "-c", "pass"), {**environ, "PIP_RESILIENT": "1"} if name == ON else environ
        )
    return rows


def measured(rows: dict[str, Row], runs: int, shuffle: random.Random) -> dict[str, list[float]]:
    """Return the processor time of every start, in ms, round by round."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for row in rows.values():  # byte code, page cache
        timed(row.argv, row.environ)
    order = list(rows)
    for number in range(runs):
        shuffle.shuffle(order)
        for name in order:
            times[name].append(1000 * timed(rows[name].argv, rows[name].environ).processor)
        progress(number + 1, runs, "rounds")
    return times


def over(times: dict[str, list[float]], name: str, base: str) -> Median:
    """Return how much dearer one row is than another, in ms, by rounds."""
    return Median.of([this - that for this, that in zip(times[name], times[base])])


def report(times: dict[str, list[float]]) -> bool:
    """Print the table and the verdicts; return whether both budgets were kept."""
    print(f"{'processor time per start, ms':34}{'median':>8}  {'over no .pth':>22}", end="")
    print(f"  {'over a comment':>22}")
    for name in ROWS:
        line = f"{NAMES[name]:34}{Median.of(times[name]).middle:8.2f}"
        for base in (BARE, COMMENT):
            line += f"  {_shown(over(times, name, base)) if name != base else '':>22}"
        print(line)
    off, on = over(times, OFF, COMMENT), over(times, ON, BARE)
    noise = over(times, AGAIN, BARE)
    kept = [
        _verdict("off, over a comment-only .pth", off.middle, OFF_BUDGET),
        _verdict("on, over no .pth", on.middle, ON_BUDGET),
    ]
    print(f"noise of this series: {_shown(noise)} ms")
    return all(kept)


def _shown(value: Median) -> str:
    return f"{value.middle:+.3f} ({value.low:+.2f} … {value.high:+.2f})"


def _verdict(what: str, value: float, budget: float) -> bool:
    kept = value <= budget
    print(f"{'kept' if kept else 'MISSED'}: {what}: {value:+.3f} ms, budget {budget} ms")
    return kept


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python",
        action="append",
        metavar="PYTHON",
        help="an interpreter, or a version such as 3.13; repeat for several (default: this one)",
    )
    parser.add_argument("--runs", type=int, default=400, help="rounds, each starts every row once")
    parser.add_argument("--seed", type=int, default=1, help="of the order within the rounds")
    return parser.parse_args()


def main() -> int:
    """Measure, print, and return 1 where a budget was missed."""
    options = arguments()
    print(header("Start-up: what an installed pip-resilient costs every Python"))
    kept = True
    for python in options.python or [sys.executable]:
        interpreter = str((python in PYTHONS and interpreter_of(python)) or python)
        version = subprocess.run(
            [interpreter, "-V"], capture_output=True, text=True, check=True
        ).stdout.strip()
        print(f"\n{version}, {options.runs} shuffled rounds")
        with tempfile.TemporaryDirectory(prefix="pip-resilient-") as folder:
            rows = prepared(interpreter, Path(folder))
            kept &= report(measured(rows, options.runs, random.Random(options.seed)))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
