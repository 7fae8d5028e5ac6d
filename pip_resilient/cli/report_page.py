"""What does a run look like as one page?

The rule: one file of ASCII that needs no network and runs no script, and that
may be shown to others: of a URL it has the host and the last word of the path.
Everything that somebody else may have written is escaped here.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pip_resilient.accounts import Brought
from pip_resilient.cli import report_words as words
from pip_resilient.cli import waterfall
from pip_resilient.cli.report_chart import axis, chart, ticks
from pip_resilient.cli.report_style import HOSTS, SIGNS, STYLE
from pip_resilient.cli.waterfall import (
    ASKED,
    BODY,
    ELSEWHERE,
    FAILED,
    GAVE_UP,
    MORE,
    RESUMED,
    SWITCHED,
    WAIT,
)
from pip_resilient.messages import plain, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pip_resilient.cli.kept import Kept
    from pip_resilient.cli.waterfall import Mark, Row, Totals

_CLASSES = {ASKED: "a", BODY: "b", WAIT: "w", ELSEWHERE: "e"}
_SIGNS = {FAILED: "failed", RESUMED: "resumed", SWITCHED: "switched", MORE: "more"}
_SIGNS[GAVE_UP] = "gaveup"
_KEY = (
    ('<rect class="a h0" y="2" width="22" height="10" rx="2"/>', "waiting for bytes"),
    ('<rect class="b h0" y="2" width="22" height="10" rx="2"/>', "bytes come"),
    ('<rect class="w" y="2" width="22" height="10" rx="2"/>', "pause before the next attempt"),
    ('<rect class="e h2" y="2" width="22" height="10" rx="2"/>', "another source is asked"),
    ('<use href="#failed" x="11" y="7"/>', "failed"),
    ('<use href="#resumed" x="11" y="7"/>', "resumed"),
    ('<use href="#switched" x="11" y="7"/>', "switched to another source"),
    ('<use href="#more" x="11" y="7"/>', "one more connection"),
    ('<use href="#gaveup" x="11" y="7"/>', "given up"),
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_FEW = 40
"""So many requests are all shown from the start."""
_MOST_ROWS, _MOST_MARKS, _MOST_LINES, _MOST_IN_ALL = 1500, 60, 60, 1500


def page(kept: Kept) -> str:
    """Return the page of a run; ASCII."""
    about = kept.about
    made = waterfall.rows(about, kept.events)
    duration = max([about.duration, 0.001, *(row.end for row in made)])
    brought = [event for event in kept.events if isinstance(event, Brought)]
    totals = waterfall.totals(about, kept.events, made)
    classes = _colours(totals, made)
    said, good = words.verdict(kept)
    parts = [
        _head(kept, said, good),
        _numbers(totals, duration),
        _bytes(brought, duration, totals, classes),
        _requests(made, duration, classes),
        f'<footer class="soft">{_text(words.made_with(about))}</footer>',
    ]
    title = _text(words.headline(kept))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{SIGNS}<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    """Return foreign text so that it is text in a page, whatever is in it."""
    return html.escape(plain(text))


def _colours(totals: Totals, made: Sequence[Row]) -> dict[str, str]:
    """Return the class of each host, those with the most bytes first."""
    places = dict.fromkeys(totals.brought)
    for row in made:
        places.update(dict.fromkeys(stretch.place for stretch in row.stretches))
    return {place: f"h{min(number, HOSTS - 1)}" for number, place in enumerate(places)}


def _head(kept: Kept, said: str, good: bool) -> str:
    about = kept.about
    state = "good" if good else "bad"
    began = words.when(about.started) if about.started else "at an unknown time"
    return (
        f'<p class="soft">pip-resilient report, run of {_text(began)}</p>\n'
        f"<h1>{_text(words.headline(kept))}</h1>\n"
        f'<p class="verdict {state}"><b>{"Well" if good else "Trouble"}:</b> {_text(said)}</p>'
    )


def _numbers(totals: Totals, duration: float) -> str:
    numbers = [
        ("Time", words.seconds(duration)),
        ("Requests", str(totals.requests)),
        ("Failures", str(totals.failures)),
        ("Given up", str(totals.given_up)),
        ("Pauses", words.seconds(totals.waited)),
        ("Brought", size(sum(totals.brought.values()))),
        ("Not downloaded again", size(totals.saved)),
        ("Switched to others", str(totals.switches)),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{number}</dd></div>" for name, number in numbers)
    return f'<dl class="numbers">{cells}</dl>'


def _bytes(
    brought: Sequence[Brought], duration: float, totals: Totals, classes: Mapping[str, str]
) -> str:
    if not brought:
        return ""
    key = "".join(
        f'<li><svg aria-hidden="true"><rect class="b {classes[place]}" y="2" width="22"'
        f' height="10" rx="2"/></svg>{_text(place)} <b>{size(count)}</b></li>'
        for place, count in totals.brought.items()
    )
    drawn = chart(brought, duration, classes)
    return (
        '<h2>Bytes by host over time</h2>\n<div class="card">'
        f'<ul class="key">{key}</ul>{drawn}</div>'
    )


def _requests(made: Sequence[Row], duration: float, classes: Mapping[str, str]) -> str:
    if not made:
        return ""
    shown = made[:_MOST_ROWS]
    quiet = sum(not _is_loud(row) for row in made)
    every = " checked" if len(made) <= _FEW or quiet == len(made) else ""
    key = "".join(f'<li><svg aria-hidden="true">{sign}</svg>{said}</li>' for sign, said in _KEY)
    step = ticks(duration)
    tick = (step[1] if len(step) > 1 else duration) / duration
    budget = _MOST_IN_ALL
    rows = []
    for row in shown:
        lines = _lines(row, budget) if _is_loud(row) or row.marks else []
        budget -= len(lines)
        rows.append(_row(row, duration, classes, lines))
    left_out = f'<p class="soft">and {len(made) - len(shown)} more</p>' if made[_MOST_ROWS:] else ""
    switch = (
        f'<input type="checkbox" id="all"{every}><label class="show" for="all">'
        f"show all {len(made)} requests</label>\n"
    )
    axis_row = (
        '<div class="row axis"><span class="soft">Request, host</span>'
        f'<svg aria-hidden="true">{axis(duration)}</svg><span class="soft took">Took, result</span>'
        "</div>"
    )
    return (
        f'<h2>Requests over time</h2>\n<ul class="key">{key}</ul>\n{switch}'
        f'<div class="card rows" style="--tick:{tick:.4%}">{axis_row}\n'
        + "\n".join(rows)
        + f"</div>{left_out}"
    )


def _is_loud(row: Row) -> bool:
    return row.troubled or not row.good


def _row(row: Row, duration: float, classes: Mapping[str, str], lines: Sequence[str]) -> str:
    result = _text(row.result)
    if not row.good:
        result = f'<em class="failed">{result}</em>'
    length = f"{size(row.length)}, " if row.length else ""
    cells = (
        f'<div class="name"><b>{_text(row.name)}</b><span>{_text(row.place)}</span></div>'
        f'<svg class="bars" aria-hidden="true">{_bars(row, duration, classes)}</svg>'
        f'<div class="took">{length}{words.seconds(row.end - row.begin)}<span>{result}</span></div>'
    )
    quiet = "" if _is_loud(row) else " quiet"
    if not lines and quiet:
        return f'<div class="row quiet">{cells}</div>'
    told = "".join(lines)
    opens = '<details class="quiet">' if quiet else "<details>"
    return f'{opens}<summary class="row">{cells}</summary><ol class="told">{told}</ol></details>'


def _bars(row: Row, duration: float, classes: Mapping[str, str]) -> str:
    parts = []
    for stretch in row.stretches[: 2 * _MOST_MARKS]:
        kind = _CLASSES[stretch.kind]
        colour = "" if stretch.kind == WAIT else f" {classes.get(stretch.place, 'h5')}"
        width = max(0.0015, (stretch.end - stretch.begin) / duration)
        high = stretch.kind in (BODY, ELSEWHERE)
        parts.append(
            f'<rect class="{kind}{colour}" x="{stretch.begin / duration:.2%}"'
            f' y="{16 if high else 19}" width="{width:.2%}" height="{14 if high else 8}"/>'
        )
    parts += [
        f'<use href="#{_SIGNS[mark.kind]}" x="{mark.at / duration:.2%}" y="23"/>'
        for mark in _few(row.marks)
    ]
    return "".join(parts)


def _few(marks: Sequence[Mark]) -> list[Mark]:
    """Return the first and the last marks, where there are too many to be told apart."""
    half = _MOST_MARKS // 2
    return list(marks) if len(marks) <= _MOST_MARKS else [*marks[:half], *marks[-half:]]


def _lines(row: Row, budget: int) -> list[str]:
    """Return what happened to a request, line by line."""
    told = words.lines(row.events)
    most = max(0, min(_MOST_LINES, budget))
    lines = [f"<li><i>{at:.2f} s</i>{_text(line)}</li>" for at, line in told[:most]]
    if len(told) > most:
        lines.append(f"<li><i></i>and {len(told) - most} more</li>")
    if not told:
        began = f"asked at {row.begin:.2f} s: {row.result}"
        lines.append(f"<li><i>{row.begin:.2f} s</i>{_text(began)}</li>")
    return lines
