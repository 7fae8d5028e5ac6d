"""What does a process leave behind that is killed while it writes?

Run as `python -m tests.killed_writers <folder> <seed> <writers>`: forks so many
writers of one unfinished file, which write its bytes at random places and note
them, and kills each at a random moment. A line on its output for every note
that was made: first byte, and behind the last one.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import sys
import time
from random import Random

from pip_resilient.store.folder import Folder
from pip_resilient.store.partials import Partial, Partials

SIZE = 2 * 1024 * 1024 + 4321
CONTENT = Random(0).randbytes(SIZE)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def main(path: str, seed: int, writers: int) -> None:
    random = Random(seed)
    pids = [_forked(path, random.getrandbits(32)) for _ in range(writers)]
    random.shuffle(pids)
    for pid in pids:
        select.select([], [], [], random.uniform(0.0, 0.02))
        os.kill(pid, signal.SIGKILL)
        if random.random() < 0.3:  # while others write on
            _look(path)
        os.waitpid(pid, 0)


def opened(path: str) -> Partial:
    partial = Partials(Folder.open(path), time.time).open("sha256", DIGEST, SIZE)

    assert partial is not None
    return partial


def _forked(path: str, seed: int) -> int:
    pid = os.fork()
    if pid == 0:
        random, partial = Random(seed), opened(path)
        while True:
            _write_some(partial, random)
    return pid


def _write_some(partial: Partial, random: Random) -> None:
    first = position = random.choice([0, random.randrange(SIZE)])
    end = min(SIZE, first + random.randint(1, SIZE))
    hashed = hashlib.sha256()
    while position < end:
        step = min(end - position, random.choice([1, 1000, 65_536, 300_000]))
        piece = CONTENT[position : position + step]

        assert partial.write(position, piece)
        hashed.update(piece)
        position += step
        if random.random() < 0.5:
            partial.note(first, position, hashed.hexdigest())
            os.write(1, f"{first} {position}\n".encode())


def _look(path: str) -> None:
    partial = opened(path)
    for first, end in partial.stretches():
        assert partial.read(first, end - first) == CONTENT[first:end]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
