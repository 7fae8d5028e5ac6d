"""Where is what the tests fetch and build kept between runs?

The rule: in one folder that git does not see. A folder in it is filled under
another name and renamed when complete, so a folder that exists is whole: an
interrupted run leaves nothing to trust, and of two runs at once the second one to
finish throws its copy away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Callable

_OURS = "PIP_RESILIENT"
CHECKOUT = Path(__file__).resolve().parents[2]


def cache_folder() -> Path:
    """Return the folder kept between runs; `PIP_RESILIENT_TEST_CACHE` moves it."""
    return Path(os.environ.get("PIP_RESILIENT_TEST_CACHE") or CHECKOUT / ".cache").resolve()


def once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder unless it is there, so that nobody ever sees it half full."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        fill(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another run was faster, and its copy is as good
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def step(*argv: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> str:
    """Run a step of fetching or building to its end; return what it said.

    Args:
        *argv: The command.
        env: Its variables; None: ours, the plugin off.
        cwd: Its folder; None: one in which no module of ours lies.

    Raises:
        RuntimeError: It failed; the message holds what it said.
    """
    off = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=off if env is None else env,
        cwd=cwd or tempfile.gettempdir(),
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}\n{done.stdout}{done.stderr}".strip())
    return done.stdout
