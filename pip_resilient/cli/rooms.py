"""Is there room on the disks that pip writes to?

The rule: asked and tried; a quota shows only when something is written.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

from pip_resilient.cli.measured import CACHE, PACKAGES, TEMPORARY, Room
from pip_resilient.cli.pip_config import DEFAULT, cache_folder
from pip_resilient.exceptions import failure_of
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.cli.pip_config import PipConfig, Source

_WRITTEN = 64 * 1024


def rooms(config: PipConfig, environ: Mapping[str, str]) -> tuple[Room, ...]:
    """Look at the disks that pip writes to."""
    cache = cache_folder(config, environ, sys.platform)
    cache_source = config.values["cache-dir"].source if config.text("cache-dir") else DEFAULT
    temporary = config.values.get("TMPDIR")
    folders = (
        (TEMPORARY, _temporary(environ), temporary.source if temporary else None),
        (CACHE, cache, cache_source),
        (PACKAGES, sys.prefix, None),
    )
    return tuple(_room(*folder) for folder in folders)


def _temporary(environ: Mapping[str, str]) -> str:
    """Return the folder that pip unpacks into; `gettempdir` writes to it, which may be too much."""
    return environ.get("TMPDIR") or (
        "/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()  # noqa: S108
    )


def _room(use: str, path: str, source: Source | None) -> Room:
    there = path
    while not os.path.isdir(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = None
    room = Room(use, path, free, None, source)
    if use != TEMPORARY:
        return room
    try:  # a quota is seen by writing alone
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(_WRITTEN))
            file.flush()
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return room._replace(failure=Failure(Kind.DISK) if full else failure_of(error))
    return room
