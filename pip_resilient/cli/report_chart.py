"""How are the bytes of a run drawn over its time, host by host?

The rule: columns of equal width, each as high as the bytes per second that
came in it, the hosts on top of each other; positions across are shares of the
width, so that one drawing fits every screen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pip_resilient.messages import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pip_resilient.accounts import Brought

COLUMNS = 120
_HEIGHT = 150
_DAY = 86400.0
_LONG = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, _DAY)
"""Seconds between the marks of a long axis."""
_TOP = 18
"""Room for the highest label, in pixels."""


def ticks(duration: float, most: int = 8) -> list[float]:
    """Return round moments within a time, at most so many and 0 among them."""
    rough = max(duration, 0.001) / most
    power = 10.0 ** math.floor(math.log10(rough))
    steps = (power, 2 * power, 5 * power, 10 * power) if rough < 10 else _LONG
    step = next((step for step in steps if step >= rough), _DAY * math.ceil(rough / _DAY))
    return [number * step for number in range(int(duration / step) + 1)]


def moment(at: float, step: float) -> str:
    """Return a moment as it stands at an axis with such a step, in seconds or minutes."""
    if step >= 15 and at >= 60:
        return f"{int(at // 60)}:{int(at % 60):02} min"
    return f"{at:.{0 if step >= 1 else 1 if step >= 0.1 else 2}f} s"


def axis(duration: float, y: int = 11) -> str:
    """Return the labels of the axis of time."""
    moments = ticks(duration)
    step = moments[1] if len(moments) > 1 else 1.0
    parts = []
    for number, at in enumerate(moments):
        share = at / max(duration, 0.001)
        if share > 0.97 and number:
            continue  # it would reach out of the picture
        odd = ' class="odd"' if number % 2 else ""
        anchor = "middle" if number else "start"
        where = f'x="{share:.2%}" y="{y}" text-anchor="{anchor}"'
        parts.append(f"<text {where}{odd}>{moment(at, step)}</text>")
    return "".join(parts)


def columns(
    brought: Iterable[Brought], duration: float, count: int = COLUMNS
) -> dict[str, list[float]]:
    """Return the bytes per second of each host in each of so many equal stretches."""
    width = max(duration, 0.001) / count
    found: dict[str, list[float]] = {}
    for one in brought:
        rates = found.setdefault(one.place, [0.0] * count)
        begin, end = max(0.0, one.at), one.at + max(one.width, 0.001)
        first = min(count - 1, int(begin / width))
        last = min(count - 1, max(first, math.ceil(end / width) - 1))
        shares = [
            max(0.0, min(end, (number + 1) * width) - max(begin, number * width))
            for number in range(first, last + 1)
        ]
        if not any(shares):  # behind the end, which is when the run was written down
            shares[-1] = 1.0
        whole = sum(shares)
        for number, share in enumerate(shares, first):
            rates[number] += one.length * (share / whole) / width
    return found


def chart(brought: Sequence[Brought], duration: float, classes: Mapping[str, str]) -> str:
    """Return the drawing.

    Args:
        brought: What came when.
        duration: Seconds of the whole run.
        classes: The class that gives each host its colour.
    """
    rates = columns(brought, duration)
    most = max((sum(one) for one in zip(*rates.values())), default=0.0)
    top = _round_up(most)
    parts = [_grid()]
    bottoms = [0.0] * COLUMNS
    for place in sorted(rates, key=lambda place: list(classes).index(place)):
        for number, rate in enumerate(rates[place]):
            height = rate / top * _HEIGHT
            if height >= 0.2:
                y = _TOP + _HEIGHT - bottoms[number] - height
                parts.append(
                    f'<rect class="b {classes[place]}" x="{number / COLUMNS:.2%}"'
                    f' y="{y:.1f}" width="{0.86 / COLUMNS:.2%}" height="{height:.1f}"/>'
                )
                bottoms[number] += height
    labels = _scale(top) + axis(duration, _TOP + _HEIGHT + 18)
    size_of = f'height="{_TOP + _HEIGHT + 24}"'
    label = f"Bytes per second over the time of the run, {size(most)} per second at most"
    return f'<svg {size_of} role="img" aria-label="{label}">{"".join(parts)}{labels}</svg>'


def _height(share: float) -> float:
    return _TOP + _HEIGHT * (1 - share)


def _grid() -> str:
    lines = (f'x1="0" x2="100%" y1="{_height(one)}" y2="{_height(one)}"' for one in (0, 0.5, 1))
    return "".join(f'<line class="grid" {line}/>' for line in lines)


def _scale(top: float) -> str:
    texts = ((_height(one) - 5, size(top * one)) for one in (0.5, 1))
    return "".join(f'<text x="0" y="{y}">{said}/s</text>' for y, said in texts)


def _round_up(rate: float) -> float:
    power = 10.0 ** math.floor(math.log10(max(rate, 1.0)))
    return next(
        step * power
        for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
        if step * power >= rate or step == 10
    )
