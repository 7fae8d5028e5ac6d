"""What time does a test say it is?"""

from __future__ import annotations

NOW = 1_800_000_000.123456
"""Seconds since 1970; times of files are not whole ones."""


class Clock:
    """A wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now
