"""How does one command get surroundings of its own: other mounts, or no network?

The rule: a namespace of Linux that ends with the command. Whoever is root has it as
root, everybody else as the root of a user namespace. Where the machine gives none,
the answer is why, in the words of the system. This module needs no pytest: the
benchmarks and the soak use it too.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache

_WITHIN = 20.0  # seconds


def without_network() -> tuple[str, ...]:
    """Return what stands before a command that is to have no network, not even a loopback."""
    return _unshared("--net")


def with_mount(mount: str, *words: str) -> tuple[str, ...]:
    """Return what stands before a command that alone sees a mount.

    Args:
        mount: A line of shell that mounts, and knows the words as `$1`, `$2` …
        *words: What the line is told.
    """
    script = f'{mount} && shift {len(words)} && exec "$@"'
    return (*_unshared("--mount"), "sh", "-c", script, "sh", *words)


def small_disk(folder: str, size: str) -> tuple[str, ...]:
    """Return what stands before a command for which a folder is a disk of that size ("64k")."""
    return with_mount('mount -t tmpfs -o "size=$2" none "$1"', folder, size)


def bound(source: str, target: str) -> tuple[str, ...]:
    """Return what stands before a command that finds one file or folder in place of another."""
    return with_mount('mount --bind "$1" "$2"', source, target)


def read_only(folder: str) -> tuple[str, ...]:
    """Return what stands before a command that cannot write into a folder, root or not."""
    return with_mount('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', folder)


@cache
def refusal(before: tuple[str, ...]) -> str:
    """Return why nothing can be started behind that; empty if it can."""
    try:
        tried = subprocess.run(
            [*before, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no namespaces here: {error}"
    if tried.returncode:
        return f"no namespaces here: {tried.stderr.decode(errors='replace').strip()}"
    return ""


def _unshared(what: str) -> tuple[str, ...]:
    is_root = not hasattr(os, "getuid") or os.getuid() == 0  # Windows has neither
    user = () if is_root else ("--map-root-user",)
    return ("unshare", *user, what)
