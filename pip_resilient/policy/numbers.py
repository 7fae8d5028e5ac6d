"""Is this a number that an index can have meant?

The rule: a count of bytes or a serial is a whole number that every reader of
JSON has exactly; whatever else a page or a header says is no number, and never
an error.
"""

from __future__ import annotations

import re

_HIGHEST = 2**53  # beyond it JSON's numbers are no longer exact everywhere (RFC 8259 §6)


def number(said: object) -> int | None:
    """Return a whole number from 0 to 2**53; None if it is none."""
    usable = isinstance(said, int) and not isinstance(said, bool) and 0 <= said <= _HIGHEST
    return said if usable else None  # type: ignore[return-value]


def known_serial(said: object) -> int | None:
    """Return a serial given as a number or as its digits; None if it can be none.

    On a page it is `_last-serial` or the comment at its end, in an answer the
    X-PyPI-Last-Serial header.
    """
    if isinstance(said, str):
        digits = said.strip()
        said = int(digits) if re.fullmatch(r"(?a)\d{1,16}", digits) else None
    return number(said)
