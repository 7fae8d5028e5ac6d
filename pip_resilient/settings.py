"""What does the user want?

The rule: one frozen `Settings`, built once from what is handed in; the
environment beats pip.conf, pip.conf beats the defaults. A wrong number takes
its default, and every problem is reported, all of them at once, in one clear
line each. Nothing here is ever a reason not to run pip.

In the environment a setting is `PIP_RESILIENT_X`, in pip.conf `resilient-x`
under `[global]` or under a command; pip's own Configuration reads both, so
`--isolated` leaves out what it leaves out for pip.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Settings(Record):
    """Everything that can be set. Times in seconds.

    Attributes:
        connect_timeout: Longest wait for a TCP and for a TLS connection.
        read_timeout: Longest silence of a connection.
        patience: Longest time without progress, per host.
        deadline: Longest run, or None for no limit.
        log: File that the run's events are appended to, or None.
        mirrors: What stands under MIRRORS, level by level, the strongest first.
        stale: Highest age of a last good index page; 0: none is used.
        min_speed: Bytes per second; a source that is slower for long is left for a spare.
        connections: Most connections that bring one file at once; 1: never more.
        state_dir: Folder for what is remembered between runs; empty: below
            pip's cache; `none`: nothing is remembered.
        problems: What was wrong with what the user wrote, a line each.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    patience: float = 150.0
    deadline: float | None = None
    log: str | None = None
    mirrors: tuple[str, ...] = ()
    stale: float = 86400.0
    min_speed: float = 51200.0
    connections: int = 4
    state_dir: str = ""
    problems: tuple[str, ...] = ()


NAMES = (
    "connect_timeout",
    "read_timeout",
    "patience",
    "deadline",
    "stale",
    "min_speed",
    "connections",
    "log",
    "state_dir",
    "mirrors",
)
_TEXTS = ("log", "state_dir")
_ZERO = ("stale", "min_speed")
"""Settings that can be 0: never, and not at all."""
# The switch, and what is set by us alone, for build children.
INTERNAL = ("PIP_RESILIENT", "PIP_RESILIENT_RUN", "PIP_RESILIENT_QUIET")
PATIENCE_IN_CI = 300.0
MOST_CONNECTIONS = 4
"""To one host at once, for one file; more would take from others what it gives us."""
_LONGEST = 30 * 24 * 3600.0


def load(
    look_up: Callable[[str], str | None],
    names_in_environment: Iterable[str] = (),
    command: str | None = None,
    in_ci: bool = False,
) -> Settings:
    """Build the settings.

    Args:
        look_up: Gives the value of one of pip's configuration keys
            (`:env:.resilient-x`, `install.resilient-x`, `global.resilient-x`).
        names_in_environment: Names of the environment's variables, to find
            misspelt ones.
        command: pip's command, `install` for instance, if known.
        in_ci: Whether this is a CI run, where nobody waits at a terminal.
    """
    settings = Settings(patience=PATIENCE_IN_CI) if in_ci else Settings()
    problems: list[str] = []
    for name in NAMES:
        key = "resilient-" + name.replace("_", "-")
        sections = (":env:", command, "global") if command else (":env:", "global")
        found = [(section, look_up(f"{section}.{key}")) for section in sections]
        said = [(section, text) for section, text in found if text is not None]
        if name == "mirrors":  # what a weaker level forbids counts too
            settings = settings._replace(mirrors=tuple(text for _, text in said))
            continue
        # pip itself takes what is empty as not said (20.3 to 26.3, cli/parser.py).
        said = [(section, text) for section, text in said if text.strip()]
        if not said:
            continue
        section, text = said[0]
        value: Any = text if name in _TEXTS else _number(text, name)
        if text.strip().lower() == "none" and name == "state_dir":
            value = "none"
        if name == "connections":
            value = _count(text)
        if value is not None:
            settings = settings._replace(**{name: value})
            continue
        default = "none" if getattr(settings, name) is None else getattr(settings, name)
        spelt = f"PIP_RESILIENT_{name.upper()}" if section == ":env:" else f"{key} in pip.conf"
        problems.append(f"{spelt} is {text!r}, not {_expected(name)}: using {default}")
    return settings._replace(problems=(*problems, *_unknown(names_in_environment)))


def _number(text: str, name: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    least = number > 0 or (name in _ZERO and number == 0)
    most = number <= _LONGEST or name == "min_speed"
    return number if math.isfinite(number) and least and most else None


def _count(text: str) -> int | None:
    digits = text.strip()
    count = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else 0
    return count if 1 <= count <= MOST_CONNECTIONS else None


def _expected(name: str) -> str:
    if name == "connections":
        return f"a number from 1 to {MOST_CONNECTIONS}"
    return "a number of bytes per second" if name == "min_speed" else "a number of seconds"


def _unknown(names: Iterable[str]) -> Iterable[str]:
    known = {"PIP_RESILIENT_" + name.upper() for name in NAMES}
    for name in sorted(names):
        if name.startswith("PIP_RESILIENT_") and name not in known and name not in INTERNAL:
            yield f"{name} is not a setting; known are {', '.join(sorted(known))}"
