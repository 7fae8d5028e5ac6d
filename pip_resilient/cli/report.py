"""What did the last run do on the network?

The rule: only runs in which something happened are kept, and shown as they
were; nothing is asked of the network, and pip is not started.

Examples:
  pip-resilient report                    the last run, here
  pip-resilient report --html run.html    as a page, to be looked at or shown
  pip-resilient report --list             which runs are kept
  pip-resilient report 3 --json           the third last one, for programs
  pip-resilient report events.ndjson      the last run in a PIP_RESILIENT_LOG
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from pip_resilient.cli import report_page, report_text, waterfall
from pip_resilient.cli.kept import Kept, kept_in, read, shown, state_folder
from pip_resilient.cli.report_words import verdict
from pip_resilient.ndjson import SCHEMA, to_record

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.output import Output
    from pip_resilient.store.runs import Runs

NAME = "report"
HELP = "show what the last run did on the network"
_FINE, _PROBLEMS, _USAGE = 0, 1, 2
_LARGEST = 64 << 20
"""Bytes of an event log, the last ones, that are read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may stand behind `report`."""
    parser.add_argument(
        "which",
        nargs="?",
        metavar="RUN",
        help="number or name of a run (--list), or a file of events; left out: the last run",
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--html", metavar="FILE", help="write one page that needs no network")
    shape.add_argument(
        "--json", action="store_true", help="one JSON document, as in docs/events.md"
    )
    parser.add_argument("--list", action="store_true", help="list the runs that are kept")
    parser.add_argument("--all", action="store_true", help="also requests that nothing happened to")
    parser.add_argument("--state-dir", metavar="DIR", help="look for kept runs in this folder")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Show a run; 1 where there is none to show."""
    folder = arguments.state_dir or state_folder(os.environ)
    runs, page = kept_in(folder), arguments.html
    wrong = _wrong_page(arguments)
    if wrong:
        output.complaint(wrong)
        return _USAGE
    if arguments.list:
        return _list(runs, output, as_json=arguments.json)
    kept, why = _wanted(arguments.which, runs, folder)
    if kept is None:
        output.complaint(why)
        return _PROBLEMS
    if arguments.json:
        output.json(document(kept))
    elif page is not None:
        return _write(page, report_page.page(kept), output)
    else:
        report_text.show(kept, output, time.time(), every=arguments.all)
    return _FINE


def _wrong_page(arguments: argparse.Namespace) -> str:
    """Say what is wrong with --html, or nothing."""
    page, which = arguments.html, arguments.which
    if page is None:
        return ""
    if arguments.list:
        return "--html is for one run, --list for all of them"
    if not page:
        return "--html: no file is named"
    with contextlib.suppress(OSError, ValueError):
        if which and os.path.samefile(page, which):
            return f"--html: {page} is the file that would be read"
    return ""


def _wanted(which: str | None, runs: Runs, folder: str | None) -> tuple[Kept | None, str]:
    """Return the run that is wanted, or why there is none."""
    there = _readable(runs)
    if which is None:
        where = (
            f"in {shown(folder)}"
            if folder
            else "since pip has no cache, or was told to keep nothing"
        )
        none = f"no run is kept {where}; only runs in which something happened are"
        return (there[0][1], "") if there else (None, none)
    numbered = {str(number): name for number, (name, _) in enumerate(there, 1)}
    named = dict(there).get(numbered.get(which, which))
    return (named, "") if named is not None else _in_file(which)


def _readable(runs: Runs) -> list[tuple[str, Kept]]:
    """Return the runs that are kept and not damaged, the newest first, as they are numbered."""
    found = [(name, read(runs.read(name) or (), name)) for name in runs.names()]
    return [(name, kept[-1]) for name, kept in found if kept]


def _in_file(path: str) -> tuple[Kept | None, str]:
    """Return the last run in a file of events, or why there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - _LARGEST))
            lines = file.read(_LARGEST).decode("utf-8", "replace").splitlines()
    except (FileNotFoundError, ValueError):
        return None, f"there is no run {path!r}; see --list"
    except OSError as error:
        return None, f"no run can be read from {path}: {error.strerror}"
    there = read(lines, path)
    return (there[-1], "") if there else (None, f"no run stands in {path}: it holds no events")


def _write(path: str, page: str, output: Output) -> int:
    try:
        with open(path, "w", encoding="ascii", newline="\n") as file:
            file.write(page)
    except OSError as error:
        output.complaint(f"cannot write {path}: {error.strerror}")
        return _USAGE
    output.notice(f"wrote {path}")
    return _FINE


def _list(runs: Runs, output: Output, *, as_json: bool) -> int:
    there = _readable(runs)
    if as_json:
        output.json([{"name": name, "run": to_record(kept.about)} for name, kept in there])
    elif there:
        rows = [report_text.listed(number, *one) for number, one in enumerate(there, 1)]
        output.table([report_text.LIST_HEAD, *rows])
    else:
        output.complaint("no run is kept; only runs in which something happened are")
    return _FINE if there else _PROBLEMS


def document(kept: Kept) -> dict[str, Any]:
    """Return a run as the document that `--json` prints."""
    made = waterfall.rows(kept.about, kept.events)
    said, good = verdict(kept)
    return {
        "schema": SCHEMA,
        "name": kept.name,
        "verdict": said,
        "good": good,
        "totals": waterfall.totals(kept.about, kept.events, made)._asdict(),
        "run": to_record(kept.about),
        "events": [to_record(event) for event in kept.events],
    }
