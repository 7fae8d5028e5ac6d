"""Is what docs/ says true of the code, and can all of it be found and built?

The rule: where a document says a name, a number or a command that the code knows
too, the two are compared here, so that neither can go its own way.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pip_resilient.cli import main, remembered
from pip_resilient.mirrors import declared
from pip_resilient.mirrors.group import preset_of
from pip_resilient.mirrors.presets import PRESETS, SETS
from pip_resilient.policy.failover import FIRST_WAIT
from pip_resilient.policy.failure import Kind
from pip_resilient.store import last_good, partials, runs
from tests import documents
from tests.end_to_end.interpreters import PIPS

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

MKDOCS = documents.ROOT / "mkdocs.yml"
each_page = pytest.mark.parametrize("path", documents.PAGES, ids=lambda path: path.name)
PARSER = main._parser()


def page(name: str) -> str:
    return documents.read(documents.DOCS / f"{name}.md")


def anchor(title: str) -> str:
    """Return what a heading is linked by."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def test_the_list_of_pages_has_each_of_them_once() -> None:
    nav = yaml.safe_load(documents.read(MKDOCS))["nav"]
    listed = [path for entry in nav for path in entry.values()]

    assert sorted(listed) == sorted(path.name for path in documents.DOCS.glob("*.md"))


@each_page
def test_every_link_leads_somewhere(path: Path) -> None:
    text = documents.without_blocks(documents.read(path))
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, wanted = target.partition("#")
        there = path.parent / name if name else path

        assert there.exists(), target
        anchors = [anchor(title) for title in documents.headings(documents.read(there))]
        assert not wanted or wanted in anchors, target


@each_page
def test_every_command_that_is_written_is_understood(path: Path) -> None:
    """Somebody pastes it, at a bad moment."""
    for command in documents.commands(documents.read(path)):
        words = command.replace("…", "").split()[1:]
        if words and words != ["COMMAND"]:
            PARSER.parse_args(words)


def test_some_commands_are_written() -> None:
    """Or the test above sees nothing."""
    assert {"pip-resilient doctor", "pip-resilient cache purge"} <= {
        command for path in documents.PAGES for command in documents.commands(documents.read(path))
    }


def options_of(command: str) -> set[str]:
    (choices,) = (action.choices for action in PARSER._actions if action.choices)
    parser: argparse.ArgumentParser = choices[command]  # type: ignore[call-overload,index]
    words = {word for action in parser._actions for word in action.option_strings}
    return {word for word in words if word.startswith("--")} - {"--help", "--quiet"}


@pytest.mark.parametrize("module", main.COMMANDS, ids=lambda module: module.NAME)
def test_every_command_has_a_section_with_each_of_its_options(module: Any) -> None:
    text = documents.section(page("commands"), module.NAME)

    assert options_of(module.NAME) <= set(re.findall(r"--[a-z-]+", text))
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= options_of(module.NAME) | {"--no-cache-dir"}


def test_what_can_be_thrown_away_is_named() -> None:
    text = documents.section(page("commands"), "cache")

    assert all(f"`{room}`" in text for room in remembered.ROOMS)


def test_every_kind_of_failure_is_handled_on_its_page() -> None:
    text = page("faults")

    assert [kind.said for kind in Kind if kind.said not in text] == []


def test_the_list_of_mirrors_is_that_of_the_code() -> None:
    rows = documents.rows(documents.section(page("mirrors"), "The built-in list"))
    alone = {True: "nobody", False: "not known"}  # who is built in is known to be independent

    assert rows == [
        [
            f"`{preset.name}`",
            preset.operator,
            alone[preset.builtin] if preset.group == preset.name else f"`{preset.group}`",
            "yes" if preset.builtin else "",
        ]
        for preset in PRESETS
    ]
    assert {preset.group for preset in PRESETS} <= {preset.name for preset in PRESETS}
    assert len(SETS["cn"]) == sum(preset.builtin for preset in PRESETS) == 5
    assert f"a random pause of up to {FIRST_WAIT:g} s" in page("mirrors")


def test_every_example_of_mirrors_is_understood() -> None:
    examples = [one.code for one in documents.blocks(page("mirrors")) if one.language == "ini"]

    assert len(examples) > 3
    for code in examples:
        parser = configparser.RawConfigParser()
        parser.read_string(code)
        said = parser["global"].get("resilient-mirrors")
        meant = declared.understood([said] if said else [])
        assert meant.problems == ()
        own = parser["global"].get("index-url", "")
        assert all(origin == own for origin, _ in meant.spares)
    assert preset_of("https://pypi.tuna.tsinghua.edu.cn/simple/") is not None


def test_what_is_said_of_the_disk_is_what_the_store_does() -> None:
    """A promise about somebody's disk, and about what is on it."""
    rooms = {row[1].strip("`"): row for row in documents.rows(page("security")) if len(row) == 3}

    assert set(remembered.ROOMS) <= set(rooms)
    assert f"over {partials.SMALLEST >> 20} MiB" in rooms["partials"][0]
    assert f"{partials.MOST >> 30} GiB together" in rooms["partials"][2]
    assert (partials.KEPT, last_good.OLDEST) == (7 * 86400, 7 * 86400)
    assert f"{last_good.MOST >> 20} MiB together" in rooms["pages"][2]
    assert f"the last {runs.KEPT}; {runs.LARGEST >> 20} MiB each" in rooms["runs"][2]
    assert f"{runs.MOST >> 20} MiB together" in rooms["runs"][2]


def test_the_pips_that_are_said_to_be_tested_are() -> None:
    (said,) = re.findall(r"The\s+pips that are tested are (.*?)\.\n", page("pip-itself"), re.DOTALL)

    assert re.findall(r"\d[\d.]*\d", said) == [row[0] for row in PIPS]


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is in the group `docs`")
def test_the_pages_build_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Whoever reads them on a bad network has nothing else."""
    argv = (sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict")
    done = subprocess.run(
        (*argv, "--config-file", str(MKDOCS), "--site-dir", str(tmp_path / "site")),
        capture_output=True,
        text=True,
        check=False,
    )
    pages = list((tmp_path / "site").rglob("*.html"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(pages) > len(list(documents.DOCS.glob("*.md")))
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"(?:https?:)?//[^\"]*", text) == []
        assert re.findall(r"<link(?![^>]*canonical)[^>]*\shref=\"(?:https?:)?//[^\"]*", text) == []
