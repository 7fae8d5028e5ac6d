"""How is one run measured, and when is a difference more than noise?

The rule: a run is a fresh process with a clean environment, ended before the next
one starts; its price is what the kernel charged it (`wait4`), so what else goes on
on the machine counts little. Runs are compared in pairs of neighbours, and a median
is never given without the interval that the runs themselves support.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from math import sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Run:
    """What one process took, in seconds: by the clock, and of the processor."""

    wall: float
    processor: float


def timed(argv: Sequence[str], environ: dict[str, str], output: Path = Path(os.devnull)) -> Run:
    """Run a command to its end, and return its price.

    Args:
        argv: The command; the first word is the path of a program.
        environ: Its whole environment.
        output: The file that takes its stdout and stderr.

    Raises:
        RuntimeError: The command failed; a failed run has no price.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    begin = time.perf_counter()
    child = os.posix_spawn(argv[0], list(argv), environ, file_actions=actions)
    try:
        _, status, usage = os.wait4(child, 0)
    except BaseException:
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise
    wall = time.perf_counter() - begin
    if status:
        said = output.read_text(errors="replace") if output.is_file() else ""
        raise RuntimeError(f"{' '.join(argv)} ended with status {status}\n{said}")
    return Run(wall, usage.ru_utime + usage.ru_stime)


@dataclass(frozen=True)
class Median:
    """A median, and the interval that holds the true one in 95 of 100 series of runs."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Median:
        """Take it from the order of the values alone, whatever their distribution."""
        ordered = sorted(values)
        count = len(ordered)
        reach = 0.98 * sqrt(count)  # 1.96 standard deviations of a binomial(count, 1/2)
        low = max(0, int(count / 2 - reach))
        high = min(count - 1, int(count / 2 + reach))
        return cls(median(ordered), ordered[low], ordered[high])


def header(title: str) -> str:
    """Say what was measured where and when: numbers without it cannot be compared."""
    system = platform.uname()
    return (
        f"{title}\n{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC; {_processor()}, "
        f"{os.cpu_count()} cores; {system.system} {system.release}; "
        f"measured from Python {platform.python_version()}"
    )


def _processor() -> str:
    """Name the processor where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def progress(done: int, of: int, what: str) -> None:
    """Show how far it is, where somebody is watching."""
    if sys.stderr.isatty():
        end = "\n" if done == of else ""
        sys.stderr.write(f"\r{what}: {done}/{of}{end}")
