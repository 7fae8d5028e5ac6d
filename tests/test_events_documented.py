"""Does the document say of each record what the code writes, no more and no less?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.events import KINDS
from pip_resilient.ndjson import SCHEMA, to_json
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.store import runs
from tests.test_events import ABOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = (Path(__file__).parents[1] / "docs" / "events.md").read_text(encoding="utf-8")
UNITS = {
    "str": {"text", "version"},
    "int": {"bytes", "number"},
    "float": {"s", "s since 1970"},
    "bool": {"true or false"},
    "Failure": {"object"},
    "dict[str, str]": {"object of texts"},
}


def section(title: str) -> str:
    """Return what stands below a heading, up to the next one."""
    return re.split(r"(?m)^#+ ", TEXT.partition(f"# {title}\n")[2])[0]


def table(title: str) -> list[list[str]]:
    rows = [line.strip("|").split("|") for line in section(title).splitlines() if line[:3] == "| `"]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def annotations(cls: Any) -> Mapping[str, str]:
    found = cls.__annotations__.items()
    return {name: getattr(said, "__forward_arg__", said) for name, said in found}


def test_every_kind_is_explained_and_no_other() -> None:
    """Whoever reads the log meets what stands nowhere."""
    assert re.findall(r"(?m)^### `(.*)`$", TEXT) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_explained_with_its_unit(kind: str) -> None:
    """A number without a unit is read wrongly."""
    fields = annotations(KINDS[kind])
    rows = table(f"`{kind}`")

    assert [row[0] for row in rows] == list(fields)
    for name, unit, meaning in rows:
        first, *more = fields[name].split(" | ")
        assert unit.removesuffix(" or null") in UNITS[first], name
        assert unit.endswith(" or null") is (more == ["None"]), name
        assert meaning.endswith(".")
    assert len(section(f"`{kind}`").strip().splitlines()[0]) > 20


def test_a_failure_is_explained() -> None:
    """It is the part that says why."""
    rows = table("Failure")
    fields, kinds = rows[:5], rows[5:]

    assert [row[0] for row in fields] == list(Failure._fields)
    assert kinds == [
        [kind.name.lower(), kind.said, "yes" if kind.transient else "no"] for kind in Kind
    ]


def test_what_stands_on_every_line_is_explained() -> None:
    """It is what programs look at first."""
    own = annotations(type(ABOUT))
    around = {name for name in re.findall(r'"(\w+)":', to_json(ABOUT)) if name not in own}

    assert {row[0] for row in table("Events")} == around - {"patience"}
    assert f"described here: {SCHEMA}." in TEXT


def test_the_limits_are_those_of_the_store() -> None:
    """A promise about somebody's disk."""
    assert f"The last {runs.KEPT} runs" in TEXT
    assert f"at most {runs.LARGEST >> 20} MiB each and {runs.MOST >> 20} MiB in all" in TEXT
