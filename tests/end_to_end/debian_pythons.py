"""Where does a Python come from that this machine does not have?

The rule: from Debian's sid suite, unpacked into our own cache and installed nowhere.
apt gets lists, sources and an empty status file of its own (so that libc and all the
rest come along), and takes from the machine only the archive's address and its keys.
What is unpacked runs on its own libc: each Python is started by a line of shell that
calls the loader beside it, which no child inherits, so a virtual environment, a
`#!` line and a subprocess get the same Python.

    python -m tests.end_to_end.debian_pythons

fetches what is missing (about 30 MB, once), says where each Python is, and exits with
1 where one cannot be had: no Debian, no apt, no network. Tests only look.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.end_to_end.kept import cache_folder, once, step

PYTHONS = ("3.14", "3.15")
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TOOLS = ("apt-get", "dpkg-deb")

_SOURCE = "deb [signed-by={keys}] {archive} sid main\n"
_CONFIGURATION = """
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::http::Timeout "30";
APT::Sandbox::User "";
"""
# `--argv0` is how Python finds the environment that it was started from.
_LAUNCHER = """#!/bin/sh
itself=$(readlink -f -- "$0")
python=${{itself##*/}}
root=${{itself%/bin/*}}
exec "$root/{loader}" --argv0 "$0" --library-path "$root/{libraries}" "$root/usr/bin/$python" "$@"
"""


def place_of(python: str) -> Path:
    """Return where that Python is, or would be."""
    return _folder() / "bin" / f"python{python}"


def fetch() -> None:
    """Unpack the Pythons into the cache, unless they are there.

    Raises:
        RuntimeError: The machine is no Debian, or apt did not get them, or they do not run here.
    """
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    missing += [] if _KEYS.exists() else [str(_KEYS)]
    if missing and not _folder().is_dir():
        raise RuntimeError(f"not on this machine: {', '.join(missing)}")
    once(_folder(), _fill)


def _folder() -> Path:
    return cache_folder() / "debian-pythons"


def _fill(into: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pip-resilient-") as scratch:
        for package in _packages(Path(scratch)):
            step("dpkg-deb", "-x", str(package), str(into))
    (into / "lib").symlink_to("usr/lib")  # Python finds its own modules from its launcher's place
    _write_launchers(into)


def _packages(folder: Path) -> list[Path]:
    """Let apt fetch the Pythons, and all that they stand on, into a folder."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(_SOURCE.format(keys=_KEYS, archive=_archive()))
    configuration = folder / "apt.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder))
    environ = {**os.environ, "APT_CONFIG": str(configuration)}
    step("apt-get", "--quiet", "update", env=environ)
    only = ("--yes", "--download-only", "--no-install-recommends")
    names = [f"python{python}-venv" for python in PYTHONS]
    step("apt-get", "--quiet", "install", *only, *names, env=environ)
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _archive() -> str:
    """Return the address of the Debian archive that this machine uses, which may be a mirror.

    Raises:
        RuntimeError: It uses none.
    """
    said = step("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)")
    used = [line.partition(" ")[2] for line in said.splitlines() if line.startswith("Debian ")]
    if not used:
        raise RuntimeError("apt uses no archive of Debian on this machine")
    return used[0]


def _write_launchers(root: Path) -> None:
    (root / "bin").mkdir()
    found = next(root.glob("usr/lib/*/ld-linux*.so.*"), None)
    if found is None:
        raise RuntimeError("no loader is among what apt has brought")
    loader = found.relative_to(root)
    for python in PYTHONS:
        launcher = root / "bin" / f"python{python}"
        launcher.write_text(_LAUNCHER.format(loader=loader, libraries=loader.parent))
        launcher.chmod(0o755)
        step(str(launcher), "-c", "import ssl, venv")


def main() -> int:
    """Fetch them, and say where they are or why not."""
    try:
        fetch()
    except (RuntimeError, OSError, subprocess.TimeoutExpired) as problem:
        print(f"Python {' and '.join(PYTHONS)} cannot be had: {problem}", file=sys.stderr)
        return 1
    for python in PYTHONS:
        print(f"Python {python}: {place_of(python)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
