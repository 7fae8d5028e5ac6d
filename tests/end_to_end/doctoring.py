"""How does a test ask the doctor, and what holds of each of its answers?

The rule: it is asked for JSON, as a program would ask; whatever is wrong, the
answer is there in time, is ASCII, and holds no password.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.end_to_end.environments import Environment

LONGEST = 15.0
"""Seconds that are promised."""
SECRET = "hunter2"
"""The password in every situation that has one."""


@dataclass(frozen=True)
class Told:
    """What the doctor said."""

    code: int
    said: dict[str, Any]
    text: str
    seconds: float

    @property
    def causes(self) -> list[str]:
        return [one["cause"] for one in self.said["findings"] if one["grave"]]

    @property
    def first(self) -> dict[str, Any]:
        return self.said["findings"][0]

    @property
    def verdict(self) -> str:
        """What stands first, with what helps."""
        return f"{self.said['verdict']}. Try: {self.first['advice']}"

    def check(self, name: str) -> str:
        return " | ".join(one["said"] for one in self.said["checks"] if one["name"] == name)


def doctor(
    environment: Environment,
    *words: str,
    env: Mapping[str, str],
    code: int = 1,
    before: tuple[str, ...] = (),
) -> Told:
    """Ask for JSON, and hold it to what is always so.

    Args:
        environment: Where it runs.
        *words: Further ones of its command line.
        env: Further variables.
        code: The exit code that it must have.
        before: A command that runs the rest of its command line.
    """
    began = time.monotonic()
    command = (str(environment.executable), "-m", "pip_resilient", "doctor", "--json", *words)
    done = environment.run(*before, *command, armed=False, env=env)
    seconds = time.monotonic() - began

    assert done.stderr == ""
    assert done.stdout.isascii()
    assert SECRET not in done.stdout
    assert seconds < LONGEST
    assert done.returncode == code, done.stdout
    return Told(done.returncode, json.loads(done.stdout), done.stdout, seconds)
