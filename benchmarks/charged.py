"""What did the kernel charge one command?

The rule: this is a program of its own and a small one. Linux counts the memory of
whoever starts a process into that process's peak (exec keeps the high-water mark),
so a benchmark that holds 2 GB itself cannot be the parent of what it measures.

It prints one JSON line when the command has been started and one when it has ended;
what the command itself says goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Start the command that the arguments are, and wait for it."""
    argv = sys.argv[1:]
    actions = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    begin = time.monotonic()
    child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    print(json.dumps({"pid": child, "begin": begin}), flush=True)
    _, status, usage = os.wait4(child, 0)
    charge = {
        "wall": time.monotonic() - begin,
        "processor": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status),
    }
    print(json.dumps(charge), flush=True)


if __name__ == "__main__":
    main()
