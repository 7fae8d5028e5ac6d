"""What do the runs of one client against one fault come to, and how is that written?

The rule: medians are taken over the runs that came to something, and a figure counts
as finished only where every run did; else it says how many did. What took longer than
the limit is "> 60 s": nobody knows how long it would have taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.fault_run import FAILED, LIMIT, OK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.fault_run import Outcome, Row

NOTHING = "-"


@dataclass(frozen=True)
class Figure:
    """The runs of one client against one fault, in numbers.

    Attributes:
        row: The fault's name.
        fault: Its title.
        who: The client's title.
        result: `OK`, `FAILED`, `LIMIT`; or another word: why it was left out.
        done: How many runs ended well.
        runs: How many there were.
        wall: Seconds from start to end; those of the failed runs where all failed.
        seconds: What is compared with the ideal.
        ideal: Seconds that nothing can beat.
        bytes: Bytes sent over the size of what was to be sent.
        processor: Seconds of the processor.
        peak: Highest memory in bytes.
        limit: Seconds after which a run was ended.
    """

    row: str
    fault: str
    who: str
    result: str
    done: int = 0
    runs: int = 0
    wall: float | None = None
    seconds: float | None = None
    ideal: float | None = None
    bytes: float | None = None
    processor: float | None = None
    peak: float | None = None
    limit: float = 60.0

    @property
    def ratio(self) -> float | None:
        """Seconds over the ideal; None where it did not always end well."""
        if self.result != OK or self.seconds is None or not self.ideal:
            return None
        return self.seconds / self.ideal


def figure_of(row: Row, who: str, ideal: float, outcomes: Sequence[Outcome]) -> Figure:
    """Sum up the runs; the worst result is the result."""
    good = [one for one in outcomes if one.result == OK]
    counted = good or outcomes
    results = {one.result for one in outcomes}
    return Figure(
        row.name,
        row.title,
        who,
        next(result for result in (FAILED, LIMIT, OK) if result in results),
        len(good),
        len(outcomes),
        _middle(one.wall for one in counted),
        _middle(one.seconds for one in good),
        ideal,
        _middle(one.sent / one.size for one in counted),
        _middle(one.processor for one in good),
        _middle(one.peak for one in good),
        row.limit,
    )


def left_out(row: Row, who: str, reason: str) -> Figure:
    """Say that there is no figure, and why."""
    return Figure(row.name, row.title, who, f"skipped: {reason}")


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def verdict(figure: Figure) -> str:
    """Say in a word or two how it ended."""
    if figure.result == LIMIT:
        return _of_runs(figure, f"> {figure.limit:.0f} s")
    return _of_runs(figure, figure.result)


def _of_runs(figure: Figure, word: str) -> str:
    return f"{word} ({figure.done} of {figure.runs} ok)" if 0 < figure.done < figure.runs else word


COLUMNS = (
    *("fault", "who", "result", "wall s", "counted s", "ideal s", "÷ ideal", "bytes ÷ size"),
    *("processor s", "peak MB"),
)


def cells(figure: Figure) -> tuple[str, ...]:
    """Return a figure's line of the table, the fault's title first."""
    return (
        figure.fault,
        figure.who,
        verdict(figure),
        _number(figure.wall),
        _number(figure.seconds),
        _number(figure.ideal),
        _number(figure.ratio),
        _number(figure.bytes),
        _number(figure.processor),
        NOTHING if figure.peak is None else f"{figure.peak / 1e6:.0f}",
    )


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def line(figure: Figure) -> str:
    """Return a figure's line on a terminal, under its fault."""
    _, who, result, *numbers = cells(figure)
    return f"  {who:21} {result:22} " + " ".join(f"{number:>10}" for number in numbers)


def heading() -> str:
    """Return what stands above such lines."""
    _, who, result, *names = COLUMNS
    return f"  {who:21} {result:22} " + " ".join(f"{name:>10}" for name in names)


def markdown(header: str, figures: Sequence[Figure]) -> str:
    """Return both tables: who against which fault, and all the numbers."""
    parts = [*(f"{said}  " for said in header.splitlines()), ""]  # two blanks: a line break
    parts += _written(*_crossed(figures))
    parts += [
        "",
        "Seconds ÷ ideal by fault and client; a failure says how it ended. All the numbers:",
        "",
    ]
    parts += _written(COLUMNS, [cells(figure) for figure in figures])
    notes = memory_notes(figures)
    return "\n".join([*parts, *(["", *notes] if notes else []), ""])


def _crossed(figures: Sequence[Figure]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Lay out the faults down, the clients across."""
    clients = tuple(dict.fromkeys(figure.who for figure in figures))
    short = {(figure.fault, figure.who): shortly(figure) for figure in figures}
    faults = dict.fromkeys(figure.fault for figure in figures)
    rows = [(fault, *(short.get((fault, who), "") for who in clients)) for fault in faults]
    return ("fault", *clients), rows


def shortly(figure: Figure) -> str:
    """Return the ratio where there is one, else how it ended."""
    if figure.ratio is not None:
        return f"{figure.ratio:.2f}"
    return verdict(figure).partition(":")[0]


def _written(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    sides = ["---", *("---:" for _ in names[1:])]
    return [_row(names), _row(sides), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def memory_notes(figures: Sequence[Figure]) -> list[str]:
    """Say what an armed pip needs through drops beyond the same pip without either."""
    peaks = {(one.row, one.who): one.peak for one in figures if one.peak is not None}
    notes = []
    for (row, who), peak in peaks.items():
        base = peaks.get(("huge", who.partition(" + ")[0]))
        if row == "huge-drops" and base is not None and " + " in who:
            notes.append(
                f"Peak memory of {who} for 2 GB through drops: {(peak - base) / 1e6:+.1f} MB "
                "over the plain one's without drops."
            )
    return notes
