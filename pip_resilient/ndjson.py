"""How is an event written down, and read again?

The rule: one line of JSON for each (NDJSON), in ASCII, with the version of the
schema, the kind and the name of the run; `docs/events.md` explains every field.
A field may be added to a kind without a new `SCHEMA`, and a reader passes over
what it does not know. A line that is damaged or of another schema is none.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pip_resilient.events import KINDS
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.numbers import number

if TYPE_CHECKING:
    from pip_resilient.events import Event

SCHEMA = 1

_LONGEST = 1e11
"""Seconds; so is this moment, in seconds since 1970, in three thousand years."""

_NAMES = {cls: name for name, cls in KINDS.items()}


def to_json(event: Event, run: str = "") -> str:
    """Write an event as one NDJSON line, without the line's end.

    Args:
        event: What happened.
        run: The name of the run in which it happened: several may share one file.
    """
    return json.dumps({"schema": SCHEMA, "run": run, **to_record(event)}, sort_keys=True)


def to_record(event: Event) -> dict[str, Any]:
    """Return what stands in an event's line of its own kind and fields."""
    record: dict[str, Any] = {"event": _NAMES[type(event)]}
    for name, value in event._asdict().items():
        record[name] = round(value, 3) if isinstance(value, float) else value
    failure: Failure | None = record.get("failure")
    if failure is not None:
        record["failure"] = {**failure._asdict(), "kind": failure.kind.name.lower()}
    return record


def from_json(line: str) -> Event | None:
    """Read an event that `to_json` wrote; None where it is none.

    What a later version has added is passed over.
    """
    try:
        record = _parsed(line)
        cls = KINDS[record["event"]]
        if record["schema"] != SCHEMA:
            return None
        if record.get("failure"):
            failure = _known(Failure, record["failure"])
            record["failure"] = Failure(**{**failure, "kind": Kind[failure["kind"].upper()]})
        event = cls(**_known(cls, record))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return event if _is_sound(event) else None


def run_of(line: str) -> str:
    """Return the name of the run that a line stands for which `from_json` has read."""
    return str(_parsed(line).get("run", ""))


def _parsed(line: str) -> Any:
    # More digits than any number of ours has take minutes in the oldest Pythons.
    return json.loads(line, parse_int=lambda digits: int(digits[:20]))


def _known(cls: Any, record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in cls._fields if name in record}


_TYPES: dict[str, Any] = {
    "float": (int, float),
    "int": int,
    "str": str,
    "bool": bool,
    "None": type(None),
    "Failure": Failure,
    "Kind": Kind,
    "dict[str, str]": dict,
}


def _is_sound(record: Any) -> bool:
    """Tell whether every field is of its type: what was written may have been damaged since."""
    for name, annotation in type(record).__annotations__.items():
        value = getattr(record, name)
        said = str(getattr(annotation, "__forward_arg__", annotation))
        if not any(isinstance(value, _TYPES[one]) for one in said.split(" | ")):
            return False
        if isinstance(value, (int, float)) and not _is_meant(value, said):
            return False
        if isinstance(value, dict) and not all(isinstance(one, str) for one in value.values()):
            return False
        if isinstance(value, Failure) and not _is_sound(value):
            return False
    return True


def _is_meant(value: float, said: str) -> bool:
    """Tell whether a number is one that can have been written, and can be shown."""
    if isinstance(value, bool):
        return "bool" in said
    return 0 <= value < _LONGEST if "float" in said else number(value) is not None
