"""Does any pattern of ours take longer than its text is long?

The rule: every call of `re` in the package is found in its source, and its
pattern is given texts that pump each of the pattern's own words. Four times
the text may take four times as long, and noise; sixteen times is a pattern
that goes back over what it has read, and a megabyte of that is a day.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pip_resilient

_ROOT = Path(pip_resilient.__file__).parent
_SHORT = 6_000
_WORST = 9.0
"""Times as long for four times the text: 4 is linear, 16 is quadratic."""
_NOISE = 0.03
"""Seconds that nothing is said of."""


class Call(NamedTuple):
    """A use of a pattern."""

    where: str
    function: str
    pattern: Any


def _calls() -> list[Call]:
    found = []
    for path in sorted(_ROOT.rglob("*.py")):
        if "carrier" in path.parts:
            continue
        name = ".".join(path.relative_to(_ROOT.parent).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr != "escape"
            ):
                expression = compile(ast.Expression(node.args[0]), f"<{name}>", "eval")
                names = vars(importlib.import_module(name))
                pattern = eval(expression, dict(names))  # our own source
                found.append(Call(f"{name}:{node.lineno}", node.func.attr, pattern))
    return found


CALLS = _calls()


def test_the_patterns_are_found() -> None:
    assert len(CALLS) > 40
    assert {call.function for call in CALLS} <= {
        *("match", "search", "fullmatch", "sub", "split", "findall", "finditer", "compile"),
    }


def _pumps(pattern: str) -> list[tuple[str, str]]:
    """Return (beginning, what is repeated) that this pattern may go back over."""
    text = re.sub(r"\(\?[a-zA-Z]+\)|\\[AZbB]|\{[\d,]+\}", " ", pattern)
    text = text.replace(r"\s", " ").replace(r"\d", "1").replace(r"\w", "a").replace(r"\S", "a")
    words = {word for word in re.split(r"[\[\](){}|?*+^$\\.]+", text) if word}
    words |= {"a", "1", " ", "-", "/", '"', ".", "\n", "=", "@", ",", ":"}
    words |= {word.strip() for word in words if word.strip()}
    whole = re.sub(r"[\[\](){}|?*+^$\\]+", "", text)
    begins = {"", whole, *(whole[:size] for size in range(1, min(len(whole), 24), 2))}
    some = sorted(words, key=len)[:24]
    pumped = [*some, *(one + other for one, other in itertools.permutations(some[:7], 2))]
    return [(begin, pump) for pump in pumped for begin in sorted(begins) if pump][:4000]


def _took(call: Call, text: Any) -> float:
    began = time.thread_time()
    if call.function == "sub":
        re.sub(call.pattern, b"" if isinstance(text, bytes) else "", text)
    elif call.function == "finditer":
        for _ in re.finditer(call.pattern, text):
            pass
    else:
        function = "search" if call.function == "compile" else call.function
        getattr(re, function)(call.pattern, text)
    return time.thread_time() - began


@pytest.mark.parametrize("call", CALLS, ids=[call.where for call in CALLS])
def test_a_text_that_is_longer_takes_no_longer_than_that(call: Call) -> None:
    pattern = getattr(call.pattern, "pattern", call.pattern)
    is_bytes = isinstance(pattern, bytes)
    source = pattern.decode("latin-1") if is_bytes else pattern

    def text(begin: str, pump: str, size: int) -> Any:
        made = begin + pump * (size // len(pump)) + "\x00"
        return made.encode("latin-1") if is_bytes else made

    for begin, pump in _pumps(source):
        if _took(call, text(begin, pump, 4 * _SHORT)) < _NOISE:
            continue
        short, long = (
            min(_took(call, text(begin, pump, size)) for _ in range(3))
            for size in (_SHORT, 4 * _SHORT)
        )
        assert long < max(_WORST * short, _NOISE), (begin, pump, short, long)
