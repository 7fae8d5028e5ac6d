"""Which mirrors may stand in for what here, and how good are they?

Lists who may be asked where an index or its files do not answer: built-in
mirrors (files of PyPI alone, verified by PyPI's own hashes), those that you
named, and spares that you declared for other indexes. Nobody is asked anything
but with --measure, which takes under 30 s: one connection to each of them, and
to PyPI to compare with.

The exit code is 0, 1 if there is a problem or none of them is of use, 2 for
wrong usage.

Examples:
  pip-resilient mirrors
  pip-resilient mirrors --measure
  pip-resilient mirrors --set tuna aliyun    in your own pip.conf
  pip-resilient mirrors --set none           no mirror at all; default: the built-in ones
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pip_resilient.cli import asking, child, mirror_speed, mirrors_setting, probes, stand_ins
from pip_resilient.cli.in_force import in_force
from pip_resilient.cli.pip_config import shown
from pip_resilient.messages import size
from pip_resilient.mirrors.presets import DATED
from pip_resilient.policy.disclosure import without_secrets

if TYPE_CHECKING:
    import argparse

    from pip_resilient.cli.in_force import InForce
    from pip_resilient.cli.mirror_speed import Measure
    from pip_resilient.cli.output import Output
    from pip_resilient.cli.pip_config import PipConfig
    from pip_resilient.cli.stand_ins import StandIn, StandIns
    from pip_resilient.mirrors.declared import Source

NAME = "mirrors"
HELP = "list mirrors, measure them, choose some"
SCHEMA = 1
_FINE, _PROBLEMS, _USAGE = 0, 1, 2
_TO_WRITE = 20.0
_LONGEST_BAR = 50
_HEAD = ("mirror", "latency", "speed", "ranges", "metadata", "behind PyPI")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--measure", action="store_true", help="ask each of them, and PyPI; under 30 s"
    )
    what.add_argument(
        "--set",
        nargs="+",
        metavar="NAME",
        help="write names, URLs of indexes, `none` or `default` into your own pip.conf",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of text")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """List, measure or set."""
    if arguments.set is not None:
        return _set(arguments.set, output, as_json=arguments.json)
    config = child.configuration()
    settings = in_force(config, os.environ)
    found = stand_ins.stand_ins(config, settings.mirrors)
    measures = measured(config, found) if arguments.measure else []
    if arguments.json:
        output.json(document(found, settings, measures))
    else:
        tell(found, settings, measures, output)
    helped = {one.source.index_url for one in measures if not one.failure}
    allowed = [one.source.index_url for one in found.all if one.serves]
    useless = bool(measures and allowed) and not helped.intersection(allowed)
    return _PROBLEMS if settings.mirrors.problems or useless else _FINE


def measured(config: PipConfig, found: StandIns) -> list[Measure]:
    """Measure PyPI and every mirror, those that are only known too."""
    asking.be_quiet()
    deadline = asking.Deadline(mirror_speed.WHOLE)
    line = probes.Probe(config, deadline).line
    others = [one.source for one in found.all if one.source.index_url != found.pypi.index_url]
    return mirror_speed.measure(line, [found.pypi, *others], deadline)


def tell(found: StandIns, settings: InForce, measures: list[Measure], output: Output) -> None:
    """Write the list, and what was measured."""
    for problem in settings.mirrors.problems:
        output.line(f"Problem: {problem}", "bad")
    allowed = [one for one in found.all if one.serves]
    if allowed:
        output.line("May stand in", "strong")
        output.table([_listed(one) for one in allowed])
    else:
        output.line("Nobody may stand in for anything here", "strong")
    if found.why_not:
        output.line(f"Built-in mirrors are not asked: {found.why_not}")
    known = [one for one in found.all if not one.serves]
    if known:
        output.line()
        output.line(f"Known ({DATED}), and asked only where they are named", "strong")
        output.table([_known(one) for one in known])
    if measures:
        output.line()
        output.line("Measured", "strong")
        output.table([_HEAD, *(_row(one) for one in measures)])
        output.line()
        output.table(bars(measures, output.width()))


def _listed(one: StandIn) -> tuple[str, ...]:
    name, operator, group = one.source.name, one.source.operator, one.source.group
    told = [one.by, *([operator] if operator != name else [])]
    told += [f"group {group}"] if group not in (name, "pypi") else []
    return name, ", ".join(one.serves), "; ".join(told)


def _known(one: StandIn) -> tuple[str, ...]:
    return one.source.name, f"group {one.source.group}", one.source.operator


def _row(one: Measure) -> tuple[str, ...]:
    if one.failure:
        return one.source.name, "-", "-", "-", "-", one.failure
    latency = "-" if one.latency is None else f"{one.latency * 1000:.0f} ms"
    behind = "?" if one.lag is None else one.lag or "no"
    return one.source.name, latency, _speed(one), _yes(one.ranges), _yes(one.metadata), behind


def _speed(one: Measure) -> str:
    return "-" if one.speed is None else f"{size(one.speed)}/s"


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]


def bars(measures: list[Measure], width: int) -> list[tuple[str, str, str]]:
    """Return the rows of a bar chart of speeds, the fastest first.

    Args:
        measures: What was measured; who has no speed has no row.
        width: Columns of the terminal.
    """
    known = sorted((one for one in measures if one.speed), key=lambda one: -(one.speed or 0.0))
    texts = [(one.source.name, _speed(one)) for one in known]
    room = width - sum(max((len(row[at]) for row in texts), default=0) + 2 for at in (0, 1))
    longest = max(1, min(_LONGEST_BAR, room))
    best = max((one.speed or 0.0 for one in known), default=1.0)
    return [
        (*row, "#" * max(1, round(longest * (one.speed or 0.0) / best)))
        for row, one in zip(texts, known)
    ]


def document(found: StandIns, settings: InForce, measures: list[Measure]) -> dict[str, Any]:
    """Return what `--json` prints."""
    return {
        "schema": SCHEMA,
        "dated": DATED,
        "problems": list(settings.mirrors.problems),
        "built_in_not_asked_since": found.why_not or None,
        "mirrors": [
            {"name": one.source.name, **_about(one.source), "serves": one.serves, "by": one.by}
            for one in found.all
        ],
        "measured": [
            {
                "name": one.source.name,
                **one._asdict(),
                "source": without_secrets(one.source.index_url),
            }
            for one in measures
        ],
    }


def _about(source: Source) -> dict[str, Any]:
    return {
        "operator": source.operator,
        "group": source.group,
        "index_url": without_secrets(source.index_url),
        "named": source.named,
    }


def _set(words: list[str], output: Output, *, as_json: bool) -> int:
    text, problems = mirrors_setting.check(words)
    for problem in problems:
        output.complaint(problem)
    if problems:
        return _USAGE
    run_in_time = child.run_until(asking.Deadline(_TO_WRITE))
    try:
        done = mirrors_setting.write(text, os.environ, run_in_time, child.configuration)
    except mirrors_setting.NotSet as why:
        output.complaint(str(why))
        return _PROBLEMS
    if as_json:
        output.json({**done._asdict(), "text": shown(done.text)})
    else:
        output.line(f"wrote {mirrors_setting.KEY} = {shown(done.text)} to {done.path}")
    if done.readable:
        output.notice(f"others may read the login in it; chmod 600 {done.path}")
    if done.stronger:
        output.complaint(f"it does not hold here: {done.stronger} says something else")
        return _PROBLEMS
    return _FINE
