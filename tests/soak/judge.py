"""Is what an act has left right?

The rule: a list of sentences, each of them a violation; an empty one is praise. What
pip ended up with is held against the world's own files, byte for byte; a pip that
had to come through must have; one that failed must have failed cleanly; and nothing
of any of them is left.
"""

from __future__ import annotations

import hashlib
import json
import re
import signal
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

from pip_resilient.store import partials, runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.soak.acts import Act
    from tests.soak.running import Done
    from tests.soak.worlds import OpenWorld, Release

PROMPT = 6.0
"""Seconds from Ctrl-C to the end, on a machine that others work on too."""
_TRACEBACK = "Traceback (most recent call last)"
_NEVER_MADE = re.compile(r"(tmp|pip-(?!resilient)[a-z-]+-)[a-z0-9_]{8} \(empty\)")
_PIPS_OWN = re.compile(
    r"^(pip\._(vendor|internal)\.[\w.]+|OSError: \[Errno 28\])(:? .*)?$", re.MULTILINE
)
_BACKENDS_OWN = re.compile(r"^ +OSError: \[Errno 28\] ", re.MULTILINE)


def judged(act: Act, world: OpenWorld, done: list[Done]) -> list[str]:
    """Return what is wrong after an act."""
    found = []
    for one in done:
        problems = [*_ended_well(act, one), *_left_nothing(act, one), *_said_well(one)]
        if one.code == 0 and not _fell_back(act, one):
            problems += _got_all(world, one)
        elif one.command.verb in {"download", "wheel"}:
            problems += _got_nothing_wrong(world, one)
        found += [f"{one.command.verb} {' '.join(one.command.names)}: {what}" for what in problems]
    if len(done) == 1 and act.disk is None:
        found += _kept_well(world, done[0])
    return found


# --- How it ended ---


def _ended_well(act: Act, one: Done) -> Iterator[str]:
    if one.ended == "late":
        yield f"still running after {one.took:.0f} s"
        return
    if one.ended == "kill":
        return
    if one.code != 0 and act.must_succeed:
        yield f"exit code {one.code}, though everything that happened passes"
    if one.ended == "interrupt":
        if one.ending > PROMPT and one.code != 0:
            yield f"ended {one.ending:.1f} s after Ctrl-C"
        if one.code not in {0, 1, 2, 130, -2}:
            yield f"exit code {one.code} after Ctrl-C"
    elif one.code not in {0, 1} and not _is_pips_own(one):
        yield f"exit code {one.code}"
    if one.code > 0 and not one.stderr.strip() and not _is_quiet(act):
        yield "failed without a word"


def _is_pips_own(one: Done) -> bool:
    """Tell whether pip ended with an exception of its own stack, as it does without us too.

    It then shows a traceback, and its exit code is 2 (`UNKNOWN_ERROR`), or that of
    Ctrl-C meanwhile. That of a backend which found no room in pip's cache stands
    further right.
    """
    if f"\n{_TRACEBACK}" not in f"\n{one.stderr}":
        return bool(_BACKENDS_OWN.search(one.stderr))
    shown = one.stderr.rpartition("ERROR: Exception:")[2]
    codes = (2, -signal.SIGINT) if one.ended == "interrupt" else (2,)
    return one.code in codes and shown.count("ERROR: ") == 0 and bool(_PIPS_OWN.search(shown))


def _fell_back(act: Act, one: Done) -> bool:
    """Tell whether pip took older versions, since the network failed for good for a newer one.

    A page that does not come is an index without that project to every pip, and a build
    that fails one more version to pass over to those of 20.3 and 21
    (`_make_candidate_from_link`, resolution/resolvelib/factory.py). They exit 0, and
    nothing but our last line tells of it.
    """
    said = ("this was a network failure", "part of this was not answered, so it may be incomplete")
    return not act.must_succeed and any(f"pip-resilient: {what}" in one.stderr for what in said)


def _is_quiet(act: Act) -> bool:
    return ("PIP_QUIET", "2") in act.environ


def _said_well(one: Done) -> Iterator[str]:
    if _TRACEBACK in one.stderr and one.ended not in {"kill", "late"} and not _is_pips_own(one):
        # Ctrl-C may meet Python itself, before, after and within all that pip does.
        pythons = "pip_resilient" not in one.stderr or _ends_with_interrupt(one)
        if one.ended != "interrupt" or not pythons:
            yield "a traceback"
    if "standing aside" in one.stderr:
        yield "pip-resilient stood aside"
    if "pip-resilient:" in one.stdout:
        yield "a line of ours on standard output"
    if "SyntaxWarning" in one.stderr or "ResourceWarning" in one.stderr:
        yield "a warning of Python's"
    log = one.work / "events.ndjson"
    if log.exists() and one.ended == "none":
        yield from _unreadable(log)


def _ends_with_interrupt(one: Done) -> bool:
    return one.stderr.rstrip().endswith("KeyboardInterrupt")


def _unreadable(log: Path) -> Iterator[str]:
    for line in log.read_text(encoding="ascii").splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if not isinstance(fields, dict) or fields.get("schema") != 1:
            yield f"a line in the log is no event: {line[:200]}"
            return


def _left_nothing(act: Act, one: Done) -> Iterator[str]:
    if one.ended in {"kill", "late"}:
        return
    if one.processes:
        yield f"still running: {one.processes}"
    # CPython's NamedTemporaryFile leaves an empty file where Ctrl-C comes while it is made, and
    # pip makes one for each file that it caches (cachecontrol's filewrapper.py); pip itself an
    # empty folder (TempDirectory, utils/temp_dir.py, which is removed only once it is entered).
    # Ours have no name.
    interrupted = one.ended == "interrupt"
    left = [name for name in one.temporary if not (interrupted and _NEVER_MADE.fullmatch(name))]
    if left:
        yield f"left in TMPDIR: {left}"
    # Where it fails, plain pip leaves sockets (20.3: that of a 403) and, after Ctrl-C, the
    # thread of its progress bar.
    kinds = ("thread", "socket:") if one.code == 0 else ("thread pip-resilient",)
    for process, all_left in one.probes.items():
        left = [what for what in all_left if what.startswith(kinds)]
        if left:
            yield f"left in process {process}: {left}"
    if not one.probes and one.ended == "none":
        yield "no probe was left: was it pip at all?"


# --- What it brought ---


def _got_all(world: OpenWorld, one: Done) -> Iterator[str]:
    plan, command = world.plan, one.command
    wanted = command.wanted(plan)
    if command.verb == "download":
        yield from _same_names(
            {world.file(release).filename for release in wanted}, _names(one.work / "out")
        )
        yield from _got_nothing_wrong(world, one)
    elif command.verb == "wheel":
        yield from _same_names(
            {f"{_stem(release)}-py3-none-any.whl" for release in wanted}, _names(one.work / "out")
        )
        yield from _got_nothing_wrong(world, one)
    else:
        place = one.work / "out"
        if command.verb == "venv":
            place = one.environment.site_packages
        found = {name for name in _names(place) if re.match(r"soak_\d+-.*\.dist-info", name)}
        yield from _same_names({f"{_stem(release)}.dist-info" for release in wanted}, found)
        for release in wanted:
            if not release.is_sdist:
                yield from _installed(world, release, place)


def _stem(release: Release) -> str:
    return f"{release.name.replace('-', '_')}-{release.version}"


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()} if folder.exists() else set()


def _same_names(wanted: set[str], found: set[str]) -> Iterator[str]:
    if wanted != found:
        more, fewer = sorted(found - wanted), sorted(wanted - found)
        yield f"exit code 0, but there are {more} too much, {fewer} missing"


def _got_nothing_wrong(world: OpenWorld, one: Done) -> Iterator[str]:
    """Compare every file, also those of a pip that has failed."""
    right = {made.filename: made.content for made in world.index.distributions}
    folder = one.work / "out"
    if one.ended in {"kill", "late"} or not folder.exists():
        return
    for path in folder.iterdir():
        if path.name in right:
            found = path.read_bytes()
            if found != right[path.name] and not _is_half_copied(one, path.name, found, right):
                yield f"WRONG BYTES in {path.name}"
        elif not zipfile.is_zipfile(path):  # what was built here
            yield f"{path.name} is no wheel"


def _is_half_copied(one: Done, name: str, found: bytes, right: dict[str, bytes]) -> bool:
    """Tell whether Ctrl-C met pip while it copied a file that it had whole.

    It copies to the file's own name, and says that it is saved when it is done
    (20.3 to 26.3, `save_linked_requirement`, operations/prepare.py).
    """
    said = re.search(rf"^\s*Saved .*{re.escape(name)}$", one.stdout, re.MULTILINE)
    return one.ended == "interrupt" and not said and right[name].startswith(found)


def _installed(world: OpenWorld, release: Release, place: Path) -> Iterator[str]:
    with zipfile.ZipFile(BytesIO(world.file(release).content)) as archive:
        for name in archive.namelist():
            if not name.endswith("/RECORD") and (
                not (place / name).is_file() or (place / name).read_bytes() != archive.read(name)
            ):
                yield f"WRONG BYTES in {name} as installed"


# --- What is kept ---


def _kept_well(world: OpenWorld, one: Done) -> Iterator[str]:
    for folder in (one.environment.pip_cache / "pip-resilient", one.work / "state"):
        unfinished = _names(folder / "partials")
        if one.code == 0 and one.ended == "none":
            for made in world.index.distributions:
                brought = (one.work / "out" / made.filename).exists()
                kept = [name for name in unfinished if _is_of(name, made.content)]
                if brought and kept and one.command.verb == "download":
                    yield f"{made.filename} is there, and so is its beginning: {kept}"
        yield from _within(folder / "partials", partials.MOST, None)
        yield from _within(folder / "runs", runs.MOST, 20)


def _is_of(name: str, content: bytes) -> bool:
    algorithm, _, digest = name.removesuffix(".notes").partition("-")
    wide = {"digest_size": 32} if algorithm == "blake2b" else {}
    if not hasattr(hashlib, algorithm):
        return False
    return bool(getattr(hashlib, algorithm)(content, **wide).hexdigest() == digest)


def _within(folder: Path, most: int, count: int | None) -> Iterator[str]:
    if not folder.exists():
        return
    sizes = [path.stat().st_size for path in folder.iterdir()]
    if sum(sizes) > most or (count is not None and len(sizes) > count):
        yield f"{folder} holds {len(sizes)} files of {sum(sizes)} bytes"
