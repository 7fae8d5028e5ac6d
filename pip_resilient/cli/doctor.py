"""Why does pip not get through, and what helps?

Looks at what pip would do: its configuration, names, addresses, TLS, proxies,
the clock, the index, a file, the disk; says the cause first, then what it saw,
then what to paste. Takes under 15 s. Asks the configured indexes, connects to
the hosts of find-links, and asks nobody else; mirrors, and how fast they are,
only with --mirrors. What it prints holds no passwords.

The exit code is 0 if all is well, 1 if there are problems, 2 for wrong usage.

Examples:
  pip-resilient doctor
  pip-resilient doctor https://mirror.example/simple/
  pip-resilient doctor --json > doctor.json
"""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

from pip_resilient import __version__
from pip_resilient.cli import (
    asking,
    checks,
    child,
    findings,
    mirror_speed,
    pip_config,
    probes,
    reach,
    rooms,
    stand_ins,
    way,
)
from pip_resilient.cli.in_force import in_force
from pip_resilient.cli.measured import Measured
from pip_resilient.policy.origins import host_of, place_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pip_resilient.cli.asking import Deadline, Line
    from pip_resilient.cli.checks import Check
    from pip_resilient.cli.findings import Finding
    from pip_resilient.cli.measured import Index
    from pip_resilient.cli.output import Output
    from pip_resilient.cli.pip_config import PipConfig
    from pip_resilient.mirrors import declared

NAME = "doctor"
HELP = "find out why pip does not get through, and what helps"
WHOLE = 11.5
"""Seconds until every index has answered; the rest to 15 is for disks, Python and writing."""
_ASK_DISKS = 2.0
SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    parser.add_argument("index", metavar="INDEX", nargs="?", help="an index's URL; else pip's own")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")
    parser.add_argument(
        "--mirrors", action="store_true", help="ask the mirrors as well that would help out"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Measure, judge and tell."""
    asked = [arguments.index] if arguments.index else []
    if asked and not (way.is_web(asked[0]) and host_of(asked[0])):
        output.complaint("INDEX must be a URL that begins with https:// or http://")
        return 2
    asking.be_quiet()
    measured = measure(asked, mirrors=arguments.mirrors)
    found = findings.findings(measured)
    if arguments.json:
        output.json(document(measured, found))
    else:
        tell(measured, found, output)
    return 1 if any(one.grave for one in found) else 0


def measure(asked: list[str], *, mirrors: bool) -> Measured:
    """Look at everything, in one go and under one deadline.

    Args:
        asked: Indexes of the command line; none: those that are configured.
        mirrors: Whether mirrors are asked too.
    """
    began = time.monotonic()
    deadline = asking.Deadline(WHOLE)
    config = child.configuration()
    wanted = _wanted(config, asked)
    others = _mirrors(config, {one.url for one in wanted}) if mirrors else {}
    probe = probes.Probe(config, deadline)
    indexes = probe.indexes([*wanted, *others])
    own, mirrors_met = indexes[: len(wanted)], indexes[len(wanted) :]
    indexes = (*own, *_speeds(probe.line, own, mirrors_met, list(others.values()), deadline))
    # A network disk that is gone answers never.
    disks = reach.beside([lambda: rooms.rooms(config, os.environ)], _ASK_DISKS)[0] or ()
    return Measured(config, indexes, disks, time.time(), time.monotonic() - began)


def _wanted(config: PipConfig, asked: list[str]) -> list[probes.Wanted]:
    """Return what pip would ask: indexes, unless it must not, and pages of links."""
    no_index = way.asks_no_index(config) and not asked
    indexes = [] if no_index else way.indexes_of(config, asked)
    links = [] if asked else way.links_of(config)
    return [
        *(probes.Wanted(*one) for one in indexes),
        *(probes.Wanted(*one, links=True) for one in links),
    ]


def _mirrors(config: PipConfig, own: set[str]) -> dict[probes.Wanted, declared.Source]:
    """Return who may stand in here and is none of pip's own indexes, by how they are asked."""
    said = config.values.get("resilient-mirrors")
    found = stand_ins.stand_ins(config, in_force(config, os.environ).mirrors).all
    return {
        probes.Wanted(
            mirror.index_url,
            said.source if said and mirror.named else pip_config.BUILT_IN,
            mirror=True,
        ): mirror
        for mirror in (one.source for one in found if one.serves)
        if mirror.index_url not in own
    }


def _speeds(
    line: Line,
    own: Sequence[Index],
    indexes: Sequence[Index],
    mirrors: list[declared.Source],
    deadline: Deadline,
) -> Iterator[Index]:
    """Measure the speeds of mirrors that have answered, as long as there is time."""
    met = [(mirror, index.page) for mirror, index in zip(mirrors, indexes) if index.page]
    found = mirror_speed.speeds(line, [one.page for one in own if one.page], met, deadline)
    for mirror, index in zip(mirrors, indexes):
        measure = found.get(mirror, mirror_speed.Measure(mirror))
        yield index._replace(speed=measure.speed, no_speed=measure.failure)


def verdict(measured: Measured, found: list[Finding]) -> str:
    """Return the one sentence that stands first."""
    grave = [one for one in found if one.grave]
    if grave:
        more = f" (and {len(grave) - 1} more)" if len(grave) > 1 else ""
        return f"not healthy: {grave[0].said}{more}"
    indexes = [one for one in measured.indexes if not one.mirror]
    if not indexes:
        return "nothing to look at: pip is configured to ask no index"
    places = [one.folder or place_of(one.url) for one in indexes]
    return f"healthy: pip gets through to {', '.join(places)}"


def tell(measured: Measured, found: list[Finding], output: Output) -> None:
    """Write the verdict, the configuration, what was seen, and what to do."""
    grave = any(one.grave for one in found)
    output.line(verdict(measured, found), "bad" if grave else "good")
    output.line()
    config = _configuration(measured.config)
    rows = [(one.name, f"{shown} ({one.source.said})") for one, shown in config]
    if rows:
        output.line("Configuration", "strong")
        output.table(rows)
        output.line()
    output.line(f"Seen in {measured.seconds:.1f} s", "strong")
    seen = checks.checks(measured)
    output.table([_row(one) for one in seen], [checks.STYLES[one.state] for one in seen])
    for one in found:
        output.line()
        output.line(("Problem: " if one.grave else "Note: ") + one.said, "strong")
        output.line(f"Try: {one.advice}")
        for line in one.fix:
            output.verbatim(f"    {line}")


def _row(check: Check) -> tuple[str, str, str]:
    took = "" if check.seconds is None else f" ({check.seconds * 1000:.0f} ms)"
    return check.name, check.state, check.said + took


def _configuration(config: PipConfig) -> list[tuple[pip_config.Value, str]]:
    return [(one, pip_config.shown(one.text)) for _, one in sorted(config.values.items())]


def document(measured: Measured, found: list[Finding]) -> dict[str, object]:
    """Return what `--json` prints."""
    config = measured.config
    return {
        "schema": SCHEMA,
        "healthy": not any(one.grave for one in found),
        "verdict": verdict(measured, found),
        "findings": [one._asdict() for one in found],
        "configuration": [
            {"name": one.name, "value": shown, "set_by": one.source.said}
            for one, shown in _configuration(config)
        ],
        "checks": [{**one._asdict(), "name": one.name.strip()} for one in checks.checks(measured)],
        "pip": config.version or None,
        "python": platform.python_version(),
        "pip_resilient": __version__,
        "seconds": round(measured.seconds, 2),
    }
