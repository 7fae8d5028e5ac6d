"""How does a command speak to a terminal, a pipe or a file?

The rule: results go to standard output, notices to standard error; colours
only where a terminal shows them and nobody said NO_COLOR; no line is wider than
the terminal, no character one that the encoding has not got.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, TextIO

from pip_resilient.messages import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NARROWEST, WIDEST = 40, 120
"""Columns; what is wider than 120 is no longer read but searched."""
_GAP = 2
_COLOURS = {"bad": "31", "good": "32", "note": "33", "strong": "1"}


class Output:
    """Where results and notices go.

    Args:
        out: For results.
        err: For notices.
        environ: For NO_COLOR (no-color.org), TERM and COLUMNS.
        quiet: Whether notices are left out.

    Attributes:
        quiet: The same.
    """

    def __init__(
        self, out: TextIO, err: TextIO, environ: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        self._out, self._err = out, err
        self._environ = environ
        self.quiet = quiet
        self._is_read = True
        wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._coloured = wanted and out.isatty()

    def width(self) -> int:
        """Return how many columns a line may have."""
        columns = self._environ.get("COLUMNS", "")
        digits = columns.isascii() and columns.isdigit() and len(columns) < 6
        given = int(columns) if digits else 0
        found = given or shutil.get_terminal_size((80, 24)).columns
        return max(NARROWEST, min(WIDEST, found))

    def notice(self, text: str) -> None:
        """Say on standard error what is no result."""
        if not self.quiet:
            self.complaint(text)

    def complaint(self, text: str) -> None:
        """Say on standard error why nothing came of it; `-q` does not hide that."""
        self._err.write(f"pip-resilient: {plain(text)}\n")
        self._err.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Write one line of the result, folded where it is too long."""
        for part in self._folded(text, self.width()):
            self._write(self._painted(part, style) + "\n")

    def verbatim(self, text: str) -> None:
        """Write a line that somebody will paste: it must not be folded."""
        self._write(plain(text) + "\n")

    def table(self, rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
        """Write rows as columns; the last column takes what room is left, and folds.

        Args:
            rows: All with as many cells.
            styles: One for each row, for its first cell; none: no colours.
        """
        if not rows:
            return
        texts = [[plain(cell) for cell in row] for row in rows]
        widths = [max(len(row[at]) for row in texts) for at in range(len(texts[0]))]
        room = self.width() - sum(widths[:-1]) - _GAP * (len(widths) - 1)
        if room < NARROWEST // 2:
            self._stacked(texts, styles)
            return
        for at, row in enumerate(texts):
            first, *more = self._folded(row[-1], room)
            before = [cell.ljust(width) for cell, width in zip(row[:-1], widths)]
            before[:1] = [self._painted(cell, _style(styles, at)) for cell in before[:1]]
            gap = " " * _GAP
            self._write(gap.join([*before, first]).rstrip() + "\n")
            indent = " " * (self.width() - room)
            self._write("".join(f"{indent}{part}\n" for part in more))

    def json(self, document: object) -> None:
        """Write the one document that `--json` prints."""
        self._write(json.dumps(document, indent=2, ensure_ascii=True) + "\n")

    def _write(self, text: str) -> None:
        """Write to a reader, as long as there is one: what was found is the exit code's too."""
        if self._is_read:
            try:
                self._out.write(text)
            except BrokenPipeError:
                self._is_read = False

    def _stacked(self, texts: list[list[str]], styles: Sequence[str]) -> None:
        for at, row in enumerate(texts):
            *before, last = row
            first = " ".join(cell for cell in before if cell)
            for part in self._folded(first, self.width()):
                self._write(self._painted(part, _style(styles, at)) + "\n")
            for part in self._folded(last, self.width() - _GAP):
                self._write(" " * _GAP + part + "\n")

    def _folded(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(plain(text), width, break_on_hyphens=False) or [""]

    def _painted(self, text: str, style: str) -> str:
        if not self._coloured or style not in _COLOURS:
            return text
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m"


def _style(styles: Sequence[str], at: int) -> str:
    return styles[at] if styles else ""
