"""How is it seen at one glance who survives what, and how fast?

The rule: one band for each fault, one mark for each client in it, further right is
slower on a logarithmic scale; what did not finish stands in a column of its own behind
the axis. Shape and place say all that colour says. The picture is one file without
font, script or link, and chooses its colours by the reader's scheme.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from benchmarks.fault_run import FAILED, LIMIT
from benchmarks.fault_table import shortly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fault_table import Figure

WIDTH, LEFT, RIGHT = 960, 330, 150
TOP, BAND, LANE, BOTTOM = 74, 12, 13, 34
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# Colours by light and dark scheme; the classes c0, c1, … are the clients in order.
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.small { font-size: 11px; fill: #59636e; }
.title { font-size: 16px; font-weight: 600; }
.bad { fill: #cf222e; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.ideal { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 3 3; }
.band { fill: #f6f8fa; }
.mark { stroke-width: 2; fill: none; }
.c0 { stroke: #8c959f; } .c1 { stroke: #57606a; fill: #57606a; }
.c2 { stroke: #8250df; fill: #8250df; }
.c3 { stroke: #1a7f37; } .c4 { stroke: #1a7f37; fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc; } .small { fill: #9198a1; } .bad { fill: #ff7b72; }
.paper { fill: #0d1117; }
.grid { stroke: #3d444d; } .ideal { stroke: #9198a1; } .band { fill: #151b23; }
.c0 { stroke: #7d8590; } .c1 { stroke: #b1bac4; fill: #b1bac4; }
.c2 { stroke: #bc8cff; fill: #bc8cff; }
.c3 { stroke: #3fb950; } .c4 { stroke: #3fb950; fill: #3fb950; }
}
"""


def svg(figures: Sequence[Figure], note: str) -> str:
    """Return the picture.

    Args:
        figures: The clients come in the order in which they are met here; what
            was left out has no mark.
        note: A line for the foot: when, and on what.
    """
    clients = list(dict.fromkeys(figure.who for figure in figures))
    faults = list(dict.fromkeys(figure.fault for figure in figures))
    scale = Scale([figure.ratio for figure in figures if figure.ratio])
    tall = BAND + LANE * len(clients)
    bottom = TOP + tall * len(faults)
    height = bottom + BOTTOM + 20
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="t d">',
        '<title id="t">Time over the ideal, by fault and client</title>',
        f'<desc id="d">{escape(_in_words(figures))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        '<text class="title" x="16" y="26">How much longer than the network needs</text>',
        *_legend(clients),
        *_bands(faults, tall),
        *_axis(scale, bottom),
    ]
    for figure in figures:
        at = TOP + tall * faults.index(figure.fault) + BAND / 2
        number = clients.index(figure.who)
        parts += _mark(figure, number, scale, at + LANE * (number + 0.5))
    parts += [f'<text class="small" x="16" y="{height - 10}">{escape(note)}</text>', "</svg>"]
    return "\n".join(parts) + "\n"


class Scale:
    """Where a ratio stands, in pixels.

    Args:
        ratios: All that are to be shown; 1 and 10 are in any case.
    """

    def __init__(self, ratios: Sequence[float]) -> None:
        self.low = math.log10(min([0.8, *(ratio * 0.9 for ratio in ratios)]))
        self.high = math.log10(max([10.0, *(ratio * 1.1 for ratio in ratios)]))

    def at(self, ratio: float) -> float:
        """Return the distance from the left edge."""
        share = (math.log10(ratio) - self.low) / (self.high - self.low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> list[float]:
        """Return the round numbers that are in sight."""
        return [tick for tick in TICKS if self.low <= math.log10(tick) <= self.high]


def _in_words(figures: Sequence[Figure]) -> str:
    return "; ".join(f"{figure.fault}, {figure.who}: {shortly(figure)}" for figure in figures)


def _legend(clients: Sequence[str]) -> list[str]:
    step = (WIDTH - 32) / max(5, len(clients))
    found = []
    for number, client in enumerate(clients):
        x = 22 + number * step
        found.append(_shape(number, x, 46))
        found.append(f'<text x="{x + 12:.0f}" y="50">{escape(client)}</text>')
    return found


def _bands(faults: Sequence[str], tall: float) -> list[str]:
    found = []
    for number, fault in enumerate(faults):
        y = TOP + tall * number
        if number % 2 == 0:
            found.append(f'<rect class="band" x="0" y="{y}" width="{WIDTH}" height="{tall}"/>')
        lines = _wrapped(fault, 44)
        first = y + tall / 2 + 4 - 8 * (len(lines) - 1)
        found += [
            f'<text x="16" y="{first + 16 * at:.0f}">{escape(text)}</text>'
            for at, text in enumerate(lines)
        ]
    return found


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _axis(scale: Scale, bottom: float) -> list[str]:
    found = []
    for tick in scale.ticks():
        x, kind = scale.at(tick), "ideal" if tick == 1 else "grid"
        name = "ideal" if tick == 1 else f"{tick:g}x"
        found += [
            f'<line class="{kind}" x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>',
            f'<text class="small" x="{x}" y="{bottom + 15}" text-anchor="middle">{name}</text>',
            f'<text class="small" x="{x}" y="{TOP - 5}" text-anchor="middle">{name}</text>',
        ]
    edge = WIDTH - RIGHT + 16
    found.append(f'<line class="grid" x1="{edge}" y1="{TOP}" x2="{edge}" y2="{bottom}"/>')
    found.append(f'<text class="small" x="{edge + 10}" y="{TOP - 5}">did not finish</text>')
    return found


def _mark(figure: Figure, number: int, scale: Scale, y: float) -> list[str]:
    """Draw one figure; its number stands beside it, for who does not trust the eye."""
    told = escape(f"{figure.fault}, {figure.who}: {shortly(figure)}")
    if figure.ratio is not None:
        x, kind = scale.at(figure.ratio), "small"
    elif figure.result in {FAILED, LIMIT}:
        x, kind = WIDTH - RIGHT + 32, "small bad"
    else:
        return []
    text = escape(shortly(figure))
    label = f'<text class="{kind}" x="{x + 10}" y="{y + 4:g}">{text}</text>'
    return [f"<g><title>{told}</title>{_shape(number, x, y)}{label}</g>"]


def _shape(number: int, x: float, y: float) -> str:
    """Return the client's mark: hollow and full circle, diamond, hollow and full square."""
    kind = f'class="mark c{number % 5}"'
    if number % 5 in {0, 1}:
        return f'<circle {kind} cx="{x}" cy="{y:g}" r="4"/>'
    if number % 5 == 2:
        return f'<path {kind} d="M{x} {y - 5}l5 5l-5 5l-5 -5z"/>'
    return f'<rect {kind} x="{x - 4}" y="{y - 4:g}" width="8" height="8"/>'
