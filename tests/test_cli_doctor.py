"""Does the doctor look at whom pip would ask, and at nobody else?"""

from __future__ import annotations

import pytest

from pip_resilient.cli import doctor
from pip_resilient.cli.pip_config import PipConfig, Source, Value
from pip_resilient.mirrors.presets import PRESETS

PYPI = "https://pypi.invalid/simple/"
BUILT_IN = {one.index_url for one in PRESETS if one.builtin}


def asked(**said: str) -> dict[str, str]:
    """Return the mirrors that are looked at, each with what named it."""
    values = {}
    for variable, text in said.items():
        name = variable.replace("_", "-")
        values[name] = Value(name, text, Source("environment", f"PIP_{variable.upper()}"))
    keys = {f":env:.{name}": value for name, value in values.items()}
    config = PipConfig(values, "26.3", PYPI, keys=keys)
    return {one.url: one.source.said for one in doctor._mirrors(config, {PYPI})}


def test_built_in_mirrors_are_told_as_such() -> None:
    assert asked() == dict.fromkeys(BUILT_IN, "built in")


@pytest.mark.parametrize("name", ["resilient_mirrors", "extra_index_url"])
def test_who_may_not_be_asked_is_not(name: str) -> None:
    """`none` is a word of the user's, and an index of a company is nobody else's business."""
    assert asked(**{name: "none" if "mirrors" in name else "https://own.invalid/simple/"}) == {}


def test_named_mirrors_are_told_with_what_named_them() -> None:
    assert asked(resilient_mirrors="https://own.invalid/simple/") == {
        "https://own.invalid/simple/": "PIP_RESILIENT_MIRRORS in the environment"
    }
