"""Does docs/settings.md say of each setting what the code does?

The rule: each cell of its table is tried on `settings.load`; and whatever
document names a setting names one that exists.
"""

from __future__ import annotations

import re

import pytest

from pip_resilient import settings
from pip_resilient.mirrors.declared import understood
from tests import documents

TEXT = documents.read(documents.DOCS / "settings.md")
TABLE = [row for row in documents.rows(TEXT) if len(row) == 7]
BY_NAME = {re.findall(r"`PIP_RESILIENT_(\w+)`", row[0])[0].lower(): row for row in TABLE}
NUMBERS = [name for name, row in BY_NAME.items() if "number" in row[1]]


def load(name: str, text: str) -> settings.Settings:
    values = {f":env:.resilient-{name.replace('_', '-')}": text}
    return settings.load(values.get)


def is_taken(name: str, text: str) -> bool:
    return not load(name, text).problems


def test_it_has_each_setting_and_no_other() -> None:
    assert sorted(BY_NAME) == sorted(settings.NAMES)
    for name, row in BY_NAME.items():
        assert row[0].endswith(f"<br>`resilient-{name.replace('_', '-')}`")


@pytest.mark.parametrize("name", NUMBERS)
def test_the_defaults_and_the_bounds_of_numbers(name: str) -> None:
    """Who writes what stands here must not be told that it is wrong."""
    _, value, unit, default, least, most, example = BY_NAME[name]
    usual = getattr(settings.Settings(), name)
    smallest = "0.001" if least == "above 0" else least

    assert default == ("none" if usual is None else f"{usual:g}")
    assert unit in load(name, "x").problems[0] or unit == "connections"
    assert is_taken(name, smallest)
    assert not is_taken(name, "0" if least == "above 0" else str(int(least) - 1))
    assert is_taken(name, "1e300" if most == "none" else most)
    assert most == "none" or not is_taken(name, str(int(most) + 1))
    assert is_taken(name, "1.5") is (value == "number")
    assert getattr(load(name, example.strip("`")), name) not in (usual, None)


def test_the_examples_of_texts_are_taken() -> None:
    texts = [name for name, row in BY_NAME.items() if row[1] == "text"]

    assert texts
    for name in texts:
        assert getattr(load(name, BY_NAME[name][6].strip("`")), name)
    assert understood(load("mirrors", BY_NAME["mirrors"][6].strip("`")).mirrors).problems == ()


def test_patience_in_ci() -> None:
    assert f"It is {settings.PATIENCE_IN_CI:g}\nwhere `CI` is set" in TEXT


@pytest.mark.parametrize("path", documents.PAGES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: object) -> None:
    text = documents.read(path)  # type: ignore[arg-type]
    known = {f"PIP_RESILIENT_{name.upper()}" for name in settings.NAMES} | {*settings.INTERNAL}
    named = set(re.findall(r"PIP_RESILIENT_[A-Z_]+\b", text)) - {"PIP_RESILIENT_X"}
    in_file = set(re.findall(r"\bresilient-[a-z]+(?:-[a-z]+)*\b(?= =|`)", text))

    assert named <= known
    assert in_file - {"resilient-x"} <= {"resilient-" + n.replace("_", "-") for n in settings.NAMES}
