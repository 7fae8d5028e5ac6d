"""Is this environment's pip armed, by what, and with which settings?

Looks at the switch (PIP_RESILIENT), at the start-up file that Python runs, at
the carrier of `pip-resilient run`, and tries in a process of its own whether
this pip is one that the plugin knows. Then: each setting and what set it, hosts
that are out of order just now, unfinished downloads, kept runs. Asks nothing of
the network.

The exit code is 0 if pip is armed and all is well, 1 if it is not armed or
there is a problem, 2 for wrong usage.

Examples:
  pip-resilient status
  PIP_RESILIENT=1 pip-resilient status --json
  pip-resilient status > /dev/null || echo "pip is on its own here"
  pip-resilient run -- .venv/bin/python -m pip_resilient status
"""

from __future__ import annotations

import os
import re
import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Any

from pip_resilient import __version__
from pip_resilient.cli import armed, cache, child, kept, remembered
from pip_resilient.cli.asking import Deadline
from pip_resilient.cli.checks import BAD, NOTE, OK, STYLES, Check
from pip_resilient.cli.findings import ago
from pip_resilient.cli.in_force import InForce, in_force
from pip_resilient.messages import size
from pip_resilient.mirrors.presets import DATED
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.output import Output
    from pip_resilient.store.partials import Held

NAME = "status"
HELP = "tell whether this environment's pip is armed, and with which settings"
SCHEMA = 1
OLD = 365
"""Days after which what is known of public mirrors is no longer to be relied on."""
_TRY_PIP = 15.0
_ENABLE = 'eval "$(pip-resilient enable)"' if os.name != "nt" else "pip-resilient enable"
"""It prints a line; a shell of Windows has no such short way to run one."""
_AGAIN = "python -m pip install --force-reinstall --no-deps pip-resilient"


class Problem(Record):
    """What keeps pip from being armed, or is wrong.

    Attributes:
        said: What it is.
        advice: What to do.
    """

    said: str
    advice: str


class Status(Record):
    """All of it.

    Attributes:
        switch: The switch.
        file: The start-up file.
        tried: pip with the plugin in it.
        settings: What is set.
        folder: Where things are remembered, or None.
        troubles: Hosts that are out of order.
        unfinished: Unfinished downloads.
        runs: Names of kept runs, the newest first.
        days: Since what is known of public mirrors was looked at.
        carrier: The carrier of `run`.
        refused: Folders in which things would be remembered, and are not.
    """

    switch: armed.Switch
    file: armed.StartFile
    tried: armed.Tried
    settings: InForce
    folder: str | None
    troubles: tuple[remembered.Trouble, ...] = ()
    unfinished: tuple[Held, ...] = ()
    runs: tuple[str, ...] = ()
    days: int = 0
    carrier: armed.Carrier = armed.Carrier()
    refused: tuple[remembered.Refused, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Look, judge and tell."""
    status = look()
    found = problems(status)
    if arguments.json:
        output.json(document(status, found))
    else:
        tell(status, found, output)
    return 1 if found else 0


def look() -> Status:
    """Look at everything."""
    folder = kept.state_folder(os.environ)
    tried = armed.tried(child.run_until(Deadline(_TRY_PIP), armed=True), sys.executable)
    return Status(
        armed.switch(os.environ),
        armed.start_file(),
        tried,
        in_force(child.configuration(), os.environ),
        folder,
        tuple(remembered.troubles(folder)),
        tuple(remembered.unfinished(folder)),
        tuple(kept.kept_in(folder).names()),
        (date.today() - date.fromisoformat(DATED)).days,  # noqa: DTZ011  # a day more or less
        armed.carrier(os.environ),
        tuple(remembered.refused(folder)),
    )


def problems(status: Status) -> list[Problem]:
    """Return what keeps pip from being armed, the first cause first; then wrong settings."""
    found = [*_of_start(status.file, status.carrier, status.tried), *_of_pip(status.tried)]
    if not status.switch.on:
        found.insert(0, Problem(status.switch.said, _ENABLE))
    wrong = [Problem(one, "correct it, or take it away") for one in status.settings.problems]
    return [*found, *wrong]


def _of_start(file: armed.StartFile, carrier: armed.Carrier, tried: armed.Tried) -> list[Problem]:
    """Return what is wrong with what Python runs when it starts; one of the two is enough."""
    if file.sha256 and not file.sound:
        said = f"the start-up file {file.path} is not as it was shipped: {file.text[:200]}"
        return [Problem(said, _AGAIN)]
    if not file.sha256 and not carrier.folder:
        return [Problem(f"there is no start-up file {file.path}", _AGAIN)]
    if tried.at_start or tried.broken:
        return []
    if file.sha256:
        said = f"this Python does not run the start-up file {file.path}"
        return [Problem(said, "start it without -S, -I and -E, and install where it looks")]
    if carrier.hidden_by:
        said = f"{carrier.hidden_by} has a sitecustomize of its own, before the carrier's"
        return [Problem(said, f"put {carrier.folder} first on PYTHONPATH")]
    said = f"this Python does not run {carrier.folder}, which `run` sends it to"
    return [Problem(said, _AGAIN)]


def _of_pip(tried: armed.Tried) -> list[Problem]:
    if tried.broken:
        missing = "No module named 'pip'" in tried.broken
        advice = "python -m ensurepip --upgrade" if missing else "pip-resilient doctor"
        return [Problem(f"pip cannot be tried: {tried.broken}", advice)]
    if tried.aside:
        advice = "python -m pip install --upgrade pip-resilient"
        lacks = re.match(r"ModuleNotFoundError: No module named '(\w+)", tried.aside)
        if lacks is not None and lacks[1] != "pip_resilient":
            advice = f"python -m pip install --force-reinstall {lacks[1]}"
        if tried.aside.startswith("Configuration"):  # pip's own class: its files are wrong
            advice = "pip-resilient doctor"
        return [Problem(f"the plugin stands aside from pip {tried.version}: {tried.aside}", advice)]
    if not tried.changed:
        return [Problem(f"pip {tried.version} was not changed by the plugin", _AGAIN)]
    return []


def is_armed(status: Status) -> bool:
    """Tell whether the next pip of this environment has the plugin in it."""
    tried = status.tried
    return status.switch.on and tried.at_start and bool(tried.changed) and not tried.aside


def verdict(status: Status, found: list[Problem]) -> str:
    """Return the one sentence that stands first."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    if not is_armed(status):
        return f"not armed: {found[0].said}{more}"
    by = ", by pip-resilient run" if status.tried.carrier else ""
    is_on = f"armed: pip {status.tried.version} in {sys.prefix}{by}"
    return f"{is_on}, but {found[0].said}{more}" if found else is_on


def checks(status: Status) -> list[Check]:
    """Return what was looked at, line by line."""
    tried = status.tried
    seam = f"as known; changed: {', '.join(tried.changed)}"
    if tried.broken or tried.aside or not tried.changed:
        seam = tried.broken or tried.aside or "nothing was changed"
    return [
        Check("switch", OK if status.switch.on else BAD, status.switch.said),
        *_of_file(status),
        *_of_carrier(status),
        Check("pip", OK if tried.version else BAD, f"{tried.version or 'unknown'} {tried.path}"),
        Check("seam", BAD if _of_pip(tried) else OK, seam),
        _mirrors(status.days),
        *(Check("state", NOTE, f"{one.path} is not used: {one.why}") for one in status.refused),
    ]


def _of_file(status: Status) -> list[Check]:
    file = status.file
    if not file.sha256:
        needed = BAD if not status.carrier.folder else NOTE
        return [Check("start-up file", needed, f"{file.path} is missing")]
    shipped = "as shipped" if file.shipped else "what was shipped is not recorded"
    said = f"{file.path}, {shipped if file.sound else 'NOT as shipped'}, sha256 {file.sha256}"
    wrong = _of_start(file, status.carrier, status.tried)
    row = Check("start-up file", BAD if wrong else OK, said)
    return [row, *([Check("", "", file.text)] if file.text else [])]


def _of_carrier(status: Status) -> list[Check]:
    carrier, by = status.carrier, status.tried.carrier
    if not carrier.folder and not by:
        return []
    said = "; pip is armed through it"
    if not by:
        said = "; pip is not armed through it"
        said += ", but by the start-up file" if status.tried.at_start else ""
    wrong = not status.tried.at_start and not status.tried.broken
    where = f"run (sitecustomize in {by or carrier.folder})"
    return [Check("carrier", BAD if wrong else OK, where + said)]


def _mirrors(days: int) -> Check:
    said = f"what is known of public mirrors is of {DATED}"
    if days <= OLD:
        return Check("mirrors", OK, said)
    return Check("mirrors", NOTE, f"{said}, {ago(days * 86400.0)} ago: upgrade pip-resilient")


def tell(status: Status, found: list[Problem], output: Output) -> None:
    """Write the verdict, what to do, what was seen, the settings, what is remembered."""
    output.line(verdict(status, found), "bad" if found else "good")
    for one in found:
        output.line(f"Problem: {one.said}")
        output.verbatim(f"    Try: {one.advice}")
    output.line()
    seen = checks(status)
    output.table(
        [(one.name, one.state, one.said) for one in seen],
        [STYLES.get(one.state, "") for one in seen],
    )
    for advice in dict.fromkeys(one.advice for one in status.refused):
        output.verbatim(f"    Try: {advice}")
    output.line()
    output.line("Settings", "strong")
    output.table([(one.name, one.text, one.source) for one in status.settings.values])
    output.line()
    output.line("Remembered", "strong")
    output.table(_remembered(status))


def _remembered(status: Status) -> list[tuple[str, str]]:
    rows = [("folder", cache.where(status.folder))]
    rows += [(one.state, _out_of_order(one)) for one in status.troubles]
    rows += [("unfinished", _of_download(one)) for one in status.unfinished]
    runs = f"{len(status.runs)} kept"
    return [*rows, ("runs", runs + ("; see pip-resilient report --list" if status.runs else ""))]


def _out_of_order(one: remembered.Trouble) -> str:
    until = f"for up to {ago(one.seconds)}" if one.seconds else "the next request tries it"
    return f"{one.place}: {until}"


def _of_download(one: Held) -> str:
    of = f" of {size(one.size)}" if one.size else ""
    age = ago(max(0.0, time.time() - one.mtime))
    return f"{one.digest[:23]}..., {size(one.kept)}{of}, written {age} ago"


def document(status: Status, found: list[Problem]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "schema": SCHEMA,
        "armed": is_armed(status),
        "verdict": verdict(status, found),
        "problems": [one._asdict() for one in found],
        "switch": status.switch._asdict(),
        "start_file": {**status.file._asdict(), "as_shipped": status.file.sound},
        "carrier": {**status.carrier._asdict(), "armed": bool(status.tried.carrier)},
        "pip": status.tried._asdict(),
        "settings": [one._asdict() for one in status.settings.values],
        "folder": status.folder and kept.shown(status.folder),
        "usable": remembered.usable(status.folder),
        "refused": [one._asdict() for one in status.refused],
        "out_of_order": [one._asdict() for one in status.troubles],
        "unfinished": [one._asdict() for one in status.unfinished],
        "runs": list(status.runs),
        "presets": {"dated": DATED, "old": status.days > OLD},
        "prefix": sys.prefix,
        "pip_resilient": __version__,
    }
