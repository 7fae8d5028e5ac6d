"""Is what an earlier run left joined to exactly the rest of it, and to nothing else?"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.policy.failure import Kind
from pip_resilient.policy.ranges import Span
from pip_resilient.session.outcome import Broken
from pip_resilient.session.recall import Recall
from tests.several_connections import nothing_left
from tests.unfinished import leave, left, opened

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1 << 20) + 4321
CONTENT = random.Random(0).randbytes(SIZE)


class Healing:
    """Hears what is told."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int, int]] = []

    def taken_up(self, offset: int, total: int, saved: int) -> None:
        self.heard.append((offset, total, saved))


class Up:
    """An answer to the request for the rest."""

    def __init__(self, status: int, **headers: str) -> None:
        self.status = status
        self.reason = ""
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.length_remaining: int | None = None
        self.closed = False

    def close(self) -> None:
        self.closed = True


def recalled(state: Path, *stretches: tuple[int, int]) -> tuple[Recall, Healing]:
    leave(state, CONTENT, *stretches)
    healing = Healing()
    exchange: Any = SimpleNamespace(healing=healing)
    return Recall(exchange, opened(state, CONTENT)), healing


@pytest.mark.parametrize(
    ("stretches", "offset", "asked"),
    [
        ([(0, 5000)], 5000, "bytes=5000-"),
        ([(0, 5000), (9000, SIZE)], 5000, "bytes=5000-8999"),
        ([(0, SIZE)], SIZE - 1, f"bytes={SIZE - 1}-"),
        ([(100, 5000)], 0, "bytes=0-99"),
    ],
    ids=["beginning", "gap", "all", "no-beginning"],
)
def test_only_what_is_missing_next_is_asked_for(
    tmp_path: Path, stretches: list[tuple[int, int]], offset: int, asked: str
) -> None:
    recall, _ = recalled(tmp_path, *stretches)

    assert recall.offset == offset
    assert recall.headers() == {"Range": asked, "Accept-Encoding": "identity"}


def test_the_rest_becomes_the_whole_for_pip(tmp_path: Path) -> None:
    recall, healing = recalled(tmp_path, (0, 5000))
    up = Up(206, Content_Range=f"bytes 5000-{SIZE - 1}/{SIZE}", Content_Length=str(SIZE - 5000))

    assert recall.rest(up) == Span(0, SIZE, SIZE)
    assert (up.status, up.length_remaining, up.closed) == (200, SIZE, False)
    assert up.headers == {"Content-Length": str(SIZE)}
    assert healing.heard == [(5000, SIZE, 5000)]


@pytest.mark.parametrize(
    ("status", "content_range"),
    [
        (416, f"bytes */{SIZE}"),
        (206, f"bytes 5000-{SIZE}/{SIZE + 1}"),
        (206, f"bytes 4999-{SIZE - 1}/{SIZE}"),
        (206, "junk"),
    ],
    ids=["416", "another-size", "another-place", "junk"],
)
def test_what_is_not_the_rest_is_joined_to_nothing(
    tmp_path: Path, status: int, content_range: str
) -> None:
    """The file is asked for whole then, and pip has seen nothing of this."""
    with nothing_left():
        recall, healing = recalled(tmp_path, (0, 5000))
        up = Up(status, Content_Range=content_range)
        with pytest.raises(Broken) as caught:
            recall.rest(up)

    assert left(tmp_path, CONTENT) == [(0, 5000)]
    assert caught.value.failure.kind is Kind.GARBLED
    assert up.closed
    assert healing.heard == []


def test_a_whole_file_needs_no_beginning(tmp_path: Path) -> None:
    """But it may break off as well: what is there stays."""
    recall, healing = recalled(tmp_path, (0, 5000))

    assert recall.rest(Up(200, Content_Length=str(SIZE))) is None
    assert healing.heard == []
    assert left(tmp_path, CONTENT) == [(0, 5000)]
