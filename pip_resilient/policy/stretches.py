"""Which bytes of a file are known?

The rule: known bytes are kept as stretches (first, end), in order, none of
which touches the next. "End" is always the offset behind the last byte.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Stretches:
    """A set of bytes, given and kept as stretches of offsets."""

    def __init__(self, stretches: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []
        for first, end in stretches:
            self.add(first, end)

    def add(self, first: int, end: int) -> None:
        """Put bytes into the set; an empty stretch changes nothing."""
        if first >= end:
            return
        here = bisect_left(self._ends, first)
        behind = bisect_right(self._firsts, end)
        if here < behind:
            first = min(first, self._firsts[here])
            end = max(end, self._ends[behind - 1])
        self._firsts[here:behind] = [first]
        self._ends[here:behind] = [end]

    def end_from(self, position: int) -> int:
        """Return the end of what is in the set from `position` on without a gap."""
        here = bisect_right(self._firsts, position) - 1
        return max(position, self._ends[here]) if here >= 0 else position

    def next_first(self, position: int) -> int | None:
        """Return the first offset at or behind `position` that is in the set, or None."""
        here = bisect_right(self._ends, position)
        return max(position, self._firsts[here]) if here < len(self._firsts) else None

    def gaps(self, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield what is missing between two offsets, in order."""
        position = self.end_from(first)
        while position < end:
            found = self.next_first(position)
            stop = end if found is None else min(found, end)
            yield position, stop
            position = self.end_from(stop)

    def missing(self, first: int, end: int) -> int:
        """Return how many bytes are missing between two offsets."""
        return sum(stop - start for start, stop in self.gaps(first, end))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._firsts, self._ends)))

    def __repr__(self) -> str:
        return f"Stretches({list(self)})"
