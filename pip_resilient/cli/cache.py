"""What is kept between runs, and how is it thrown away?

All of it lies in one folder below pip's cache (or in PIP_RESILIENT_STATE_DIR)
and may go at any time: what is missing is learnt or fetched again. pip's own
cache is not touched; for that there is `pip cache purge`.

The exit code is 0, 1 where something was not thrown away, 2 for wrong usage.

Examples:
  pip-resilient cache                   where it is, and how much
  pip-resilient cache info --json
  pip-resilient cache purge             all of it
  pip-resilient cache purge partials    the unfinished downloads alone
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from pip_resilient.cli import kept, remembered
from pip_resilient.cli.findings import ago
from pip_resilient.messages import size

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.output import Output

NAME = "cache"
HELP = "show or throw away what is kept between runs"
_FINE, _PROBLEMS, _USAGE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may stand behind `cache`."""
    parser.add_argument("action", nargs="?", choices=("info", "purge"), default="info")
    parser.add_argument(
        "what",
        nargs="?",
        metavar="WHAT",
        choices=tuple(remembered.ROOMS),
        help=f"{', '.join(remembered.ROOMS)}; left out: all of them",
    )
    parser.add_argument("--state-dir", metavar="DIR", help="look in this folder")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Show what is kept, or throw it away."""
    folder = arguments.state_dir or kept.state_folder(os.environ)
    if arguments.action == "purge":
        return _purge(folder, arguments.what, output, as_json=arguments.json)
    if arguments.what:
        output.complaint("WHAT is for purge; info shows all of it")
        return _USAGE
    _info(folder, output, as_json=arguments.json)
    return _FINE


def where(folder: str | None) -> str:
    """Say in which folder things are kept, or why nowhere."""
    if folder is None:
        return "nothing is kept: pip has no cache, or was told to keep nothing"
    told = kept.shown(folder)
    if remembered.usable(folder):
        return told
    if os.path.lexists(folder):
        return f"nothing is kept: {told} is not this user's alone"
    return f"nothing is kept: {told} cannot be made"


def _info(folder: str | None, output: Output, *, as_json: bool) -> None:
    rooms = remembered.rooms(folder)
    total = sum(room.size for room in rooms)
    if as_json:
        about = {
            "folder": folder and kept.shown(folder),
            "usable": remembered.usable(folder),
            "size": total,
        }
        refused = [one._asdict() for one in remembered.refused(folder)]
        output.json({**about, "refused": refused, "rooms": [room._asdict() for room in rooms]})
        return
    output.line(where(folder), "strong")
    output.table([_row(room) for room in rooms])
    output.line(f"{size(total)} together")
    for one in remembered.refused(folder):
        output.notice(f"{one.path} is not used: {one.why}; {one.advice}")


def _row(room: remembered.Room) -> tuple[str, str, str, str]:
    last = ""
    if room.newest is not None:
        last = f"; the last one {ago(max(0.0, time.time() - room.newest))} ago"
    return room.name, str(room.things), size(room.size), remembered.ROOMS[room.name] + last


def _purge(folder: str | None, what: str | None, output: Output, *, as_json: bool) -> int:
    names = [what] if what else list(remembered.ROOMS)
    gone = [remembered.forget(folder, name) for name in names]
    left = [room for room in remembered.rooms(folder) if room.name in names and room.things]
    if as_json:
        gone_away = [room._asdict() for room in gone]
        told = folder and kept.shown(folder)
        output.json({"folder": told, "gone": gone_away, "left": [one._asdict() for one in left]})
    else:
        output.line(where(folder), "strong")
        for room in gone:
            output.line(f"thrown away: {room.name}, {room.things}, {size(room.size)}")
    for room in left:
        output.complaint(f"{room.things} of {room.name} could not be thrown away")
    refused = remembered.refused(folder, names)
    for one in refused:
        output.complaint(f"nothing in {one.path} was thrown away: {one.why}; {one.advice}")
    return _PROBLEMS if left or refused else _FINE
