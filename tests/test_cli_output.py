"""Is what a command says readable in any terminal, pipe and locale?"""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.cli.main import COMMANDS, main
from pip_resilient.cli.output import NARROWEST, Output


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def said(
    columns: int = 80, out: io.StringIO | None = None, **environ: str
) -> tuple[Output, io.StringIO]:
    out = io.StringIO() if out is None else out
    return Output(out, io.StringIO(), {"COLUMNS": str(columns), **environ}), out


cells = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(st.integers(1, 300), st.lists(st.tuples(cells, cells, cells), max_size=6))
def test_no_line_of_a_table_is_too_wide(columns: int, rows: list[tuple[str, str, str]]) -> None:
    output, out = said(columns)
    output.table(rows)

    widest = max(map(len, out.getvalue().splitlines()), default=0)
    assert widest <= max(NARROWEST, columns)
    assert out.getvalue().isascii()


def test_a_table_keeps_its_columns_together() -> None:
    output, out = said(60)
    output.table([("a", "ok", "x " * 40), ("longer", "bad", "y")])
    lines = out.getvalue().splitlines()

    assert lines[0].startswith("a       ok   x")
    assert lines[1].startswith("             x")
    assert lines[-1] == "longer  bad  y"


@pytest.mark.parametrize(
    ("out", "environ", "coloured"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    out: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    """no-color.org: set and not empty."""
    output, _ = said(80, out, **environ)
    output.line("bad", "bad")
    output.table([("a", "b")], ["good"])

    assert ("\x1b[31m" in out.getvalue()) is coloured
    assert ("\x1b[32m" in out.getvalue()) is coloured


def test_what_is_to_be_pasted_stays_on_one_line() -> None:
    output, out = said(40)
    output.verbatim("    " + "x" * 100)

    assert out.getvalue() == "    " + "x" * 100 + "\n"


def test_json_is_one_document_for_any_locale() -> None:
    output, out = said()
    output.json({"a": "ü"})

    assert json.loads(out.getvalue()) == {"a": "ü"}
    assert out.getvalue().isascii()


@pytest.mark.parametrize("quiet", [True, False])
def test_notices_are_no_results(quiet: bool) -> None:
    out, err = io.StringIO(), io.StringIO()
    Output(out, err, {}, quiet=quiet).notice("hm")

    assert out.getvalue() == ""
    assert err.getvalue() == ("" if quiet else "pip-resilient: hm\n")


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    assert "pip-resilient doctor --json > doctor.json" in capsys.readouterr().out


@pytest.mark.parametrize("command", [module.NAME for module in COMMANDS])
def test_each_command_has_examples_of_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    usage, _, examples = capsys.readouterr().out.partition("Examples:\n")
    assert f"pip-resilient {command}" in examples
    assert ("--json" in examples) is ("--json" in usage) is (command not in {"run", "completion"})


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pip-resilient ")
