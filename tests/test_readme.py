"""Does the README say what is true of the files beside it?"""

from __future__ import annotations

import configparser
import hashlib
import re

from pip_resilient import settings
from pip_resilient.cli import main
from pip_resilient.mirrors import declared
from pip_resilient.mirrors.presets import PRESETS
from tests import documents

README, CHINESE = map(documents.read, documents.READMES)
PTH = (documents.ROOT / "pip_resilient.pth").read_bytes()


def test_the_pth_line_and_its_digest_stand_in_the_readme() -> None:
    """A security team compares what it finds with what is written here."""
    assert PTH.decode("ascii").strip() in README
    assert hashlib.sha256(PTH).hexdigest() in README


def test_the_pth_is_one_short_line_without_tricks() -> None:
    """Scanners and people distrust start-up code, and they are right."""
    assert PTH.count(b"\n") == 1
    assert len(PTH) < 180
    assert not any(word in PTH for word in (b"exec", b"eval", b"base64", b"subprocess", b"open("))


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    """A setting that nobody can find does not exist."""
    defaults = settings.Settings()
    for name in settings.NAMES:
        default = getattr(defaults, name)
        said = "none" if default is None else f"{default:g}" if isinstance(default, float) else ""
        row = next(
            line for line in README.splitlines() if f"`PIP_RESILIENT_{name.upper()}`" in line
        )

        assert said in row.split("|")[2], row


# --- The two READMEs ---


def settings_in(text: str) -> list[str]:
    return re.findall(r"(?m)^\| `(PIP_RESILIENT\w*)` \|", text)


def test_both_have_the_same_settings_with_the_same_defaults() -> None:
    """Who reads only one of them must not miss any."""
    assert settings_in(CHINESE) == settings_in(README)
    for name in settings_in(README)[1:]:
        mine, theirs = (
            next(row for row in documents.rows(text) if row[0] == f"`{name}`")[1]
            for text in (README, CHINESE)
        )
        assert re.findall(r"\d+|none|default", mine) == re.findall(r"\d+|none|default", theirs)


def test_both_name_each_other_on_top() -> None:
    assert "(README.zh-CN.md)" in README.split("\n## ", maxsplit=1)[0]
    assert "(README.md)" in CHINESE.split("\n## ", maxsplit=1)[0]


def test_both_name_the_same_commands() -> None:
    """Each of those that exist (`test_docs.py` sees that they are understood)."""

    def named(text: str) -> set[str]:
        below = text.partition("\n## Commands\n")[2] or text.partition("\n## 命令\n")[2]
        return set(re.findall(r"(?m)^ {4}pip-resilient (\w+)", below.partition("\n## ")[0]))

    assert named(README) == named(CHINESE)
    assert named(README) | {"disable"} == {module.NAME for module in main.COMMANDS}


def test_what_both_let_people_run_is_the_same() -> None:
    """The trial command is tested on a fresh clone; one that differs is not."""
    shell = [one.code for one in documents.blocks(README) if one.language == "sh"]
    theirs = [one.code for one in documents.blocks(CHINESE)]

    assert shell[0] in theirs
    assert next(one for one in shell if one.startswith("for attempt")) in theirs


def test_both_name_the_mirrors_that_there_are() -> None:
    for text in (README, CHINESE):
        assert all(f"`{preset.name}`" in text for preset in PRESETS)
    built_in = {row[0].strip("`") for row in documents.rows(CHINESE) if row[2:3] == ["是"]}
    apart = {row[0].strip("`"): row[3] for row in documents.rows(CHINESE) if len(row) == 4}

    assert built_in == {preset.name for preset in PRESETS if preset.builtin}
    alone = {True: "", False: "不详"}
    assert apart == {
        preset.name: alone[preset.builtin] if preset.group == preset.name else f"`{preset.group}`"
        for preset in PRESETS
    }


def test_the_examples_of_pip_conf_are_understood() -> None:
    for block in documents.blocks(CHINESE):
        if block.language == "ini":
            parser = configparser.RawConfigParser()
            parser.read_string(block.code)
            said = parser["global"].get("resilient-mirrors")
            assert declared.understood([said] if said else []).problems == ()
