"""Is everything that killed processes noted still there, and nothing else believed?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.killed_writers import CONTENT, SIZE, opened

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
KILLS = 200

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked")


def covered(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same bytes in order, in as few stretches as there can be."""
    found: list[tuple[int, int]] = []
    for first, end in sorted(stretches):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((first, end))
    return found


def kill(path: Path, seed: int, writers: int) -> list[tuple[int, int]]:
    """Let writers be killed; return what they said to have noted."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.killed_writers", str(path), str(seed), str(writers)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert (ended.stderr.decode(), ended.returncode) == ("", 0)
    lines = [line.split() for line in ended.stdout.splitlines()]
    return [(int(first), int(end)) for first, end in lines]


def test_what_killed_writers_noted_is_kept_and_right(tmp_path: Path) -> None:
    """After `kill -9` the next run fetches what is missing, and nothing else."""
    seed = SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    random, killed, group, noted = Random(seed), 0, 0, 0
    while killed < KILLS:
        group += 1
        path, told = tmp_path / str(group), []
        for _ in range(random.choice([1, 1, 2])):
            writers = random.randint(2, 8)
            told += kill(path, random.getrandbits(32), writers)
            killed += writers
        noted += len(told)
        check(path, told)

    assert noted > KILLS


def check(path: Path, told: list[tuple[int, int]]) -> None:
    """Go on as the next run does: read what is kept, write what is missing."""
    partial, said, position = opened(str(path)), covered(told), 0
    kept = partial.stretches()

    # One may be killed after its note and before it said so.
    assert covered([*kept, *said]) == kept
    for first, end in kept:
        assert partial.read(first, end - first) == CONTENT[first:end]
    for first, end in [*kept, (SIZE, SIZE)]:
        assert position == first or partial.write(position, CONTENT[position:first])
        position = end

    assert partial.read(0, SIZE + 1) == CONTENT
    partial.remove()
    assert list(path.iterdir()) == []


FINISHES = """
import sys
from tests.killed_writers import CONTENT, SIZE, opened
for turn in range(100):
    partial = opened(sys.argv[1])
    for first in range(0, SIZE, 1 << 19):
        piece = CONTENT[first:first + (1 << 19)]
        assert partial.write(first, piece)
        partial.note(first, first + len(piece), __import__("hashlib").sha256(piece).hexdigest())
        assert partial.read(first, len(piece)) == piece
    assert partial.read(0, SIZE) == CONTENT
    for first, end in partial.stretches():
        assert partial.read(first, end - first) == CONTENT[first:end]
    partial.remove()
"""


def test_one_may_finish_while_others_write(tmp_path: Path) -> None:
    """Several environments are often filled at once with the same files."""
    path = tmp_path / "partials"
    running = [
        subprocess.Popen([sys.executable, "-c", FINISHES, str(path)], cwd=ROOT) for _ in range(3)
    ]

    assert [one.wait() for one in running] == [0, 0, 0]
    assert list(path.iterdir()) == []
