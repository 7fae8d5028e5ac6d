"""Which settings hold for `pip install` here, and what set each?

The rule: as pip would read them, variables before pip.conf before the
defaults; a value that is not understood is shown as what stands in for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient import options, settings
from pip_resilient.cli.pip_config import shown
from pip_resilient.mirrors import declared
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pip_resilient.cli.pip_config import PipConfig
    from pip_resilient.mirrors.declared import Declared
    from pip_resilient.settings import Settings

_COMMAND = "install"


class Held(Record):
    """One setting.

    Attributes:
        name: As in pip.conf, without `resilient-`.
        text: Its value, without passwords.
        source: What set it.
    """

    name: str
    text: str
    source: str


class InForce(Record):
    """All settings.

    Attributes:
        values: Each of them.
        mirrors: What was said of mirrors.
        problems: What was wrong, a line each.
    """

    values: tuple[Held, ...]
    mirrors: Declared
    problems: tuple[str, ...]


def in_force(config: PipConfig, environ: Mapping[str, str]) -> InForce:
    """Return the settings.

    Args:
        config: pip's configuration.
        environ: The environment's variables.
    """
    loaded = settings.load(config.look_up, environ, _COMMAND, options.in_ci())
    mirrors = declared.understood(loaded.mirrors)
    values = tuple(_held(name, loaded, config) for name in settings.NAMES)
    return InForce(values, mirrors, (*loaded.problems, *mirrors.problems))


def _held(name: str, loaded: Settings, config: PipConfig) -> Held:
    key = "resilient-" + name.replace("_", "-")
    said, called = config.values.get(key), name.replace("_", "-")
    value = loaded.mirrors[:1] if name == "mirrors" else (getattr(loaded, name),)
    text = shown(_text(value[0])) if value and value[0] not in (None, "") else "-"
    if said is None:
        return Held(called, "default" if name == "mirrors" else text, "default")
    variable = said.source.kind == "environment"
    spelt = "PIP_RESILIENT_" + name.upper() if variable else f"{key} in pip.conf"
    if any(problem.startswith(f"{spelt} is ") for problem in loaded.problems):
        return Held(called, text, f"default, since {said.source.said} is wrong")
    return Held(called, text, said.source.said)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
