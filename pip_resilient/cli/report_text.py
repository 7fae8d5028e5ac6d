"""What does a run look like in a terminal?

The rule: the verdict first, then numbers, then the requests that something
happened to, each drawn over the time of the run in one line of ASCII, then
what happened, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.cli import report_words as words
from pip_resilient.cli import waterfall
from pip_resilient.cli.waterfall import ASKED, BODY, ELSEWHERE, FAILED, GAVE_UP, RESUMED, WAIT
from pip_resilient.messages import plain, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pip_resilient.cli.kept import Kept
    from pip_resilient.cli.output import Output
    from pip_resilient.cli.waterfall import Row, Totals

LIST_HEAD = ("RUN", "BEGAN", "COMMAND", "TOOK", "FAILURES", "NAME", "RESULT")
_SIGNS = {ASKED: ".", BODY: "=", WAIT: "~", ELSEWHERE: "@"}
_MARKED = {FAILED: "x", RESUMED: ">", GAVE_UP: "!"}
_KEY = ". nothing yet  = bytes  ~ pause  @ another source  x failed  > resumed  ! gave up"
_DRAWN = 20
_DRAWABLE, _WIDE = 80, 110
"""Columns from which on there is room to draw, and for host and size as well."""
_MOST_ROWS, _MOST_LINES = 40, 25


def show(kept: Kept, output: Output, now: float, *, every: bool) -> None:
    """Write a run.

    Args:
        kept: The run.
        output: Where to.
        now: Seconds since 1970.
        every: Whether requests that nothing happened to are shown too.
    """
    about = kept.about
    made = waterfall.rows(about, kept.events)
    said, good = words.verdict(kept)
    began = f"{words.when(about.started)} ({words.ago(about.started, now)})"
    output.line(f"{words.headline(kept)}, {began if about.started else 'of an unknown time'}")
    output.line(f"{said[:1].upper()}{said[1:]}", "good" if good else "bad")
    output.line()
    totals = waterfall.totals(about, kept.events, made)
    output.table(_numbers(totals))
    output.line()
    shown = [row for row in made if every or row.troubled or not row.good]
    _table(shown if every else shown[:_MOST_ROWS], output, about.duration)
    hidden = len(made) - len(shown)
    if hidden and not every:
        output.line(f"and {hidden} more that nothing happened to (--all shows them)")
    lines = words.lines(kept.events)
    if lines:
        output.line()
        output.table([(f"{at:.1f} s", line) for at, line in lines[:_MOST_LINES]])
    if len(lines) > _MOST_LINES:
        output.line(f"and {len(lines) - _MOST_LINES} more (--html FILE shows them)")
    if words.made_with(about):
        output.line()
        output.line(words.made_with(about))


def _numbers(totals: Totals) -> list[tuple[str, str]]:
    failed = f"{totals.failures}, {totals.given_up} of the requests were given up"
    rows = [
        ("requests", str(totals.requests)),
        ("failures", failed if totals.given_up else str(totals.failures)),
        ("waited", words.seconds(totals.waited)),
        ("not downloaded again", size(totals.saved)),
        ("switched to others", str(totals.switches)),
    ]
    rows += [(f"from {place}", size(count)) for place, count in totals.brought.items()]
    return rows


def _table(rows: Sequence[Row], output: Output, duration: float) -> None:
    if not rows:
        return
    width = output.width()
    columns: dict[str, list[str]] = {"REQUEST": [_short(row.name, 24) for row in rows]}
    if width >= _WIDE:
        columns["HOST"] = [_short(row.place, 18) for row in rows]
        columns["BYTES"] = [size(row.length) for row in rows]
    columns["TOOK"] = [words.seconds(row.end - row.begin) for row in rows]
    if width >= _DRAWABLE:
        columns["OVER TIME"] = [drawing(row, duration, _DRAWN) for row in rows]
    columns["RESULT"] = [row.result for row in rows]
    styles = ["strong", *("" if row.good else "bad" for row in rows)]
    output.table([list(columns), *map(list, zip(*columns.values()))], styles)
    if width >= _DRAWABLE:
        output.line(_KEY)


def _short(name: str, most: int = 30) -> str:
    """Return a name with its middle left out where it is long."""
    name = plain(name)
    if len(name) <= most:
        return name
    return f"{name[: most // 2 - 1]}..{name[-(most - most // 2 - 1) :]}"


def drawing(row: Row, duration: float, width: int) -> str:
    """Return a request drawn over the time of the run, in so many characters."""
    scale = width / max(duration, row.end, 0.001)
    cells = [" "] * width
    for stretch in row.stretches:
        first = min(width - 1, int(stretch.begin * scale))
        for cell in range(first, min(width, max(first + 1, round(stretch.end * scale)))):
            cells[cell] = _SIGNS[stretch.kind]
    for mark in row.marks:
        if mark.kind in _MARKED:
            cells[min(width - 1, int(mark.at * scale))] = _MARKED[mark.kind]
    return "".join(cells).rstrip()


def listed(number: int, name: str, kept: Kept) -> tuple[str, ...]:
    """Return a run's row in the list of those that are kept."""
    about = kept.about
    made = waterfall.rows(about, kept.events)
    return (
        str(number),
        words.when(about.started),
        about.command or "?",
        words.seconds(about.duration),
        str(sum(row.failures for row in made)),
        name,
        "failed" if about.failed else "ended well",
    )
