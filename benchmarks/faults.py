"""Who survives which fault of the network, and how much longer does it take than it must?

The rule: plain pip, uv and an armed pip install the same wheels from the same server on
loopback, one after the other, in one run; the oldest and the newest pip of the tests are
taken. What counts is seconds over the ideal (see `fault_rows`) and bytes over the size.
Who cannot be had, and what this machine does not allow, is left out in a line that says so.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import fault_clients
from benchmarks.fault_chart import svg
from benchmarks.fault_plays import ideal_of
from benchmarks.fault_rows import ROWS
from benchmarks.fault_run import OWN, Row, stage_of
from benchmarks.fault_table import figure_of, heading, left_out, line, markdown, memory_notes
from benchmarks.measuring import header
from tests.end_to_end.server_software import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.fault_clients import Client
    from benchmarks.fault_run import Outcome, Stage
    from benchmarks.fault_table import Figure

WARM_UP = Row("warm-up", "byte code, page cache", size=2000, ideal=1.0)


def clients_of(names: Sequence[str]) -> list[Client]:
    """Return those that can be had, and say of the others why they cannot."""
    found = []
    for name in names:
        with _said_if_missing(name), stage_of(WARM_UP) as stage:
            client = fault_clients.client_of(name)
            WARM_UP.play(stage, client)
            found.append(client)
    return found


@contextlib.contextmanager
def _said_if_missing(name: str) -> Iterator[None]:
    try:
        yield
    except NotAvailable as reason:
        print(f"skipped: {name}: {reason}")


def figures_of(
    row: Row,
    clients: Sequence[Client],
    rounds: int = 1,
    *,
    tell: bool = False,
    tls: bool = False,
) -> list[Figure]:
    """Run a row, the clients in turn in every round, and print each figure when it is there."""
    print(f"\n{row.name}: {row.title}\n{heading()}", flush=True)
    found = []
    with stage_of(row, tls=tls) as stage:
        outcomes: dict[str, list[Outcome]] = {client.name: [] for client in clients}
        ideals: dict[str, float] = {}
        for number in range(rounds):
            for client in clients:
                try:
                    outcomes[client.name].append(_run(stage, client, ideals, tell=tell))
                except NotAvailable as reason:
                    figure = left_out(row, client.title, str(reason))
                else:
                    own = ideals[_key(row, client)]
                    figure = figure_of(row, client.title, own, outcomes[client.name])
                if number == rounds - 1:
                    print(line(figure), flush=True)
                    found.append(figure)
    return found


def _run(stage: Stage, client: Client, ideals: dict[str, float], *, tell: bool) -> Outcome:
    key = _key(stage.row, client)
    if key not in ideals:
        ideals[key] = ideal_of(stage, client)
    outcome = stage.row.play(stage, client)
    if tell and outcome.said:
        print("    " + "\n    ".join(outcome.said.splitlines()), flush=True)
    return outcome


def _key(row: Row, client: Client) -> str:
    """Name what has one ideal: a row, or a client in it where that is its own measure."""
    return client.name if row.ideal == OWN else row.name


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    rows, who = [row.name for row in ROWS], fault_clients.names()
    parser.add_argument("--rows", nargs="+", metavar="NAME", choices=rows, help=", ".join(rows))
    parser.add_argument(
        "--who", nargs="+", metavar="NAME", choices=who, default=who, help=", ".join(who)
    )
    parser.add_argument("--rounds", type=int, default=1, help="runs of which medians are taken")
    parser.add_argument("--long", action="store_true", help="the long rows too")
    parser.add_argument("--tls", action="store_true", help="all hosts are spoken to over TLS")
    parser.add_argument("--tell", action="store_true", help="show what the clients said")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the tables (Markdown)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the chart")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write; 1 where an armed pip did not finish."""
    options = arguments()
    command = shlex.join(["python", "benchmarks/faults.py", *sys.argv[1:]])
    clients = clients_of(options.who)
    versions = ", ".join(f"{one.title} (Python {one.python})" for one in clients)
    said = f"{header('Faults: plain pip, uv and armed pip, one server on loopback')}\n{versions}"
    said = f"{said}\n{options.rounds} round(s); {command}"
    print(said)
    chosen = options.rows or [row.name for row in ROWS if options.long or not row.long]
    figures = []
    for row in ROWS:
        if row.name in chosen:
            figures += figures_of(row, clients, options.rounds, tell=options.tell, tls=options.tls)
            _write(options, said, figures)
    print("\n".join(["", *memory_notes(figures)]))
    armed = {client.title for client in clients if client.name.startswith("armed")}
    return 0 if all(one.runs == one.done for one in figures if one.who in armed) else 1


def _write(options: argparse.Namespace, said: str, figures: Sequence[Figure]) -> None:
    """Write the files after each row: a long run that is stopped was not for nothing."""
    if options.table:
        options.table.write_text(markdown(said, figures), encoding="utf-8")
    if options.svg:
        when_and_where = said.splitlines()[1]
        options.svg.write_text(svg(figures, when_and_where), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
