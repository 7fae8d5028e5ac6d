"""Are mirrors listed as they would be asked, measured rightly, and set where pip reads it?"""

from __future__ import annotations

import configparser
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.cli import asking, mirror_speed, mirrors, mirrors_setting, stand_ins
from pip_resilient.cli.main import main
from pip_resilient.cli.mirror_speed import Measure, common_file, lag
from pip_resilient.cli.pip_config import PipConfig, Source, Value
from pip_resilient.mirrors.declared import Source as Mirror
from pip_resilient.mirrors.declared import understood
from pip_resilient.mirrors.presets import PRESETS
from pip_resilient.mirrors.simple_pages import File, Page
from tests.faults import (
    FaultServer,
    RangeIgnored,
    Silence,
    Status,
    Throttle,
    refused_port,
)
from tests.packages import Index, PageForm

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYPI = "https://index.invalid/simple/"
BUILT_IN = [one.name for one in PRESETS if one.builtin]


def config_of(**said: str) -> PipConfig:
    values = {
        name.replace("_", "-"): Value(
            name.replace("_", "-"), text, Source("environment", f"PIP_{name.upper()}")
        )
        for name, text in said.items()
    }
    return PipConfig(values, "26.3", PYPI)


def listed(**said: str) -> stand_ins.StandIns:
    words = said.get("resilient_mirrors")
    return stand_ins.stand_ins(config_of(**said), understood([] if words is None else [words]))


def served_by(found: stand_ins.StandIns) -> dict[str, tuple[str, ...]]:
    return {one.source.name: one.serves for one in found.all if one.serves}


def test_unset_built_in_mirrors_serve_files_alone() -> None:
    found = listed()

    assert served_by(found) == dict.fromkeys(BUILT_IN, ("files of PyPI",))
    assert found.why_not == ""
    assert {one.source.name for one in found.all} == {one.name for one in PRESETS}


def test_named_ones_serve_pages_too_and_come_first() -> None:
    found = listed(resilient_mirrors="default bfsu files:https://u:p@own.invalid/simple/")

    assert served_by(found)["bfsu"] == ("files of PyPI", "pages of PyPI")
    assert served_by(found)["own.invalid"] == ("files of PyPI",)
    assert {one.source.name for one in found.all[:2]} == {"bfsu", "own.invalid"}
    assert "PIP_RESILIENT_MIRRORS" in found.all[0].by


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"resilient_mirrors": "none"}, "PIP_RESILIENT_MIRRORS"),
        ({"index_url": "https://own.invalid/simple"}, "own.invalid is neither"),
        ({"extra_index_url": "https://own.invalid/simple"}, "own.invalid is neither"),
        ({"proxy": "http://u:hunter2@p.invalid"}, "proxy is set (PIP_PROXY"),
        ({"no_index": "1"}, "no-index is set"),
    ],
)
def test_why_built_in_mirrors_are_not_asked_is_said(said: dict[str, str], why: str) -> None:
    """And it is so: the table says who is asked, the sentence says why not."""
    found = listed(**said)

    assert served_by(found) == {}
    assert why in found.why_not
    assert "hunter2" not in found.why_not


def test_a_spare_stands_in_for_its_own_index_alone() -> None:
    own = "https://own.invalid/simple/"
    words = f"{own}=https://spare.invalid/simple/"
    found = listed(index_url=own, resilient_mirrors=words)

    assert served_by(found) == {"spare.invalid": ("pages of own.invalid", "files of own.invalid")}


def test_pypi_stands_in_for_a_mirror_of_its_own() -> None:
    tuna = next(one for one in PRESETS if one.name == "tuna")
    found = listed(index_url=tuna.index_url)

    assert "PyPI" in served_by(found)
    assert set(served_by(found)) == {"PyPI", *BUILT_IN}


# --- Measuring ---


def line(deadline: asking.Deadline, seconds: float = 5.0) -> asking.Line:
    agent = 'pip/26.3 {"user_data":"secret"}'
    return asking.Line(lambda url: None, lambda url: None, agent, None, deadline, seconds)


def mirror_of(url: str, name: str, login: str = "") -> Mirror:
    return Mirror(name, name, url, None, name, named=True, pages=True, login=login)


def held(server: FaultServer, form: PageForm, *, fewer: bool = False, seed: int = 0) -> str:
    index = Index(server, form=form)
    index.add_wheel("pip", "24.0", size=900_000, seed=seed)
    if not fewer:
        index.add_wheel("pip", "25.0", size=900_000)
    return index.url


def test_mirrors_are_measured_side_by_side() -> None:
    with ExitStack() as stack:
        serving = lambda *faults: stack.enter_context(FaultServer(script=faults))  # noqa: E731
        whole = lambda request: request.path.endswith(".whl")  # noqa: E731
        pypi, good = serving(), serving()
        slow = serving(Throttle(200_000).when(matching=whole))
        bare = serving(RangeIgnored())
        port = stack.enter_context(refused_port())
        down, wrong = serving(Status(503)), serving()
        urls = {
            "pypi": held(pypi, PageForm(serial=9)),
            "good": held(good, PageForm(serial=9)),
            "slow": held(slow, PageForm(serial=7), fewer=True),
            "bare": held(bare, PageForm(json=False)),
            "refused": f"http://127.0.0.1:{port}/simple/",
            "down": held(down, PageForm()),
            "wrong": held(wrong, PageForm(), seed=1),
        }
        deadline = asking.Deadline(mirror_speed.WHOLE)
        began = time.monotonic()
        sources = [mirror_of(url, name) for name, url in urls.items()]
        measures = mirror_speed.measure(line(deadline), sources, deadline)
        seconds = time.monotonic() - began
        agents = {seen.header("User-Agent") for seen in good.log}
        connections = good.connections
    found = {one.source.name: one for one in measures}

    assert list(found) == list(urls)
    assert seconds < mirror_speed.WHOLE
    assert (found["good"].failure, found["good"].lag) == ("", "")
    assert found["good"].ranges is True
    assert found["good"].metadata is True
    assert (found["good"].latency or 9.0) < 1.0
    assert found["slow"].lag == "serial 7, PyPI has 9"
    assert 0.0 < (found["slow"].speed or 0.0) < (found["good"].speed or 0.0)
    assert found["bare"].ranges is False
    assert "refused" in found["refused"].failure
    assert "503" in found["down"].failure
    assert "wrong bytes" in found["wrong"].failure
    assert agents == {"pip/26.3 {}"}
    assert connections == 1


def test_a_silent_mirror_is_found_out_and_keeps_nobody() -> None:
    with FaultServer(script=[Silence()]) as silent:
        deadline = asking.Deadline(mirror_speed.WHOLE)
        source = mirror_of(held(silent, PageForm()), "silent")
        began = time.monotonic()
        (found,) = mirror_speed.measure(line(deadline, 1.0), [source], deadline)
        seconds = time.monotonic() - began

    assert found.failure
    assert seconds < mirror_speed.WHOLE


def test_a_login_goes_to_its_own_mirror_alone() -> None:
    with FaultServer() as own, FaultServer() as other:
        sources = [
            mirror_of(held(other, PageForm()), "other"),
            mirror_of(held(own, PageForm()), "own", "u:p@ss"),
        ]
        deadline = asking.Deadline(10.0)
        measures = mirror_speed.measure(line(deadline), sources, deadline)

    assert [one.failure for one in measures] == ["", ""]
    assert {seen.header("Authorization") for seen in own.log} == {"Basic dTpwQHNz"}
    assert {seen.header("Authorization") for seen in other.log} == {None}


def page(*names: str, serial: int | None = None) -> Page:
    return Page(tuple(File(name, f"https://h.invalid/{name}") for name in names), serial)


def test_how_far_a_page_is_behind() -> None:
    pypi = page("a", "b", serial=5)

    assert lag(page("a", "b", serial=5), pypi) == ""
    assert lag(page("a", serial=4), pypi) == "serial 4, PyPI has 5"
    assert lag(page("a"), pypi) == "lacks 1 of 2 files"
    assert lag(page("a"), None) is None


def test_the_file_is_one_that_all_have() -> None:
    """A mirror that is behind is measured with the same bytes."""
    assert common_file([page("a", "b", "c"), page("a", "b")]) == "b"
    assert common_file([page("a"), page("x")]) == "a"
    assert common_file([]) == ""


@given(st.lists(st.floats(1.0, 1e9) | st.none(), max_size=12), st.integers(40, 120))
def test_bars_fit_and_tell_who_is_faster(speeds: list[float | None], width: int) -> None:
    measures = [
        Measure(mirror_of("https://h.invalid/", f"m{at}"), speed=speed)
        for at, speed in enumerate(speeds)
    ]
    rows = mirrors.bars(measures, width)
    lengths = [len(bar) for _, _, bar in rows]

    assert len(rows) == len([one for one in speeds if one])
    assert lengths == sorted(lengths, reverse=True)
    assert all(bar for _, _, bar in rows)
    assert all(
        max(len(row[0]) for row in rows) + max(len(row[1]) for row in rows) + 4 + one <= width
        for one in lengths
    )


# --- Setting ---


def written(
    home: Path, text: str, environ: Mapping[str, str], held: str | None = None
) -> mirrors_setting.Written:
    """Write with a pip that does not start; `held` is what pip reads afterwards."""

    def read() -> PipConfig:
        source = Source("environment", "PIP_RESILIENT_MIRRORS")
        return PipConfig(
            {mirrors_setting.KEY: Value(mirrors_setting.KEY, held or text, source)},
        )

    around = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), **environ}
    return mirrors_setting.write(text, around, lambda command: (1, "", "broken"), read)


def test_the_setting_is_written_where_pip_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "config" / "pip" / "pip.conf"
    done = written(tmp_path, "tuna aliyun", {})
    parser = configparser.RawConfigParser()
    parser.read(path)

    assert done == (str(path), "tuna aliyun", "pip-resilient", "", False)
    assert parser.get("global", "resilient-mirrors") == "tuna aliyun"
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in path.parent.iterdir()] == ["pip.conf"]


def test_what_else_stands_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[global]\ntimeout = 5\nindex-url = https://h/%(x)s\n[install]\nuser = 1\n")
    written(tmp_path, "none", {})
    parser = configparser.RawConfigParser()
    parser.read(path)

    assert dict(parser["global"]) == {
        "timeout": "5",
        "index-url": "https://h/%(x)s",
        "resilient-mirrors": "none",
    }
    assert parser.get("install", "user") == "1"


def test_a_file_that_is_none_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("no section\n")

    with pytest.raises(mirrors_setting.NotSet):
        written(tmp_path, "none", {})
    assert path.read_text() == "no section\n"


def test_a_stronger_setting_is_told(tmp_path: Path) -> None:
    done = written(tmp_path, "tuna", {}, held="none")

    assert done.stronger == "PIP_RESILIENT_MIRRORS in the environment"


def test_where_pip_reads_no_user_file_none_is_written(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.write_text("")
    with pytest.raises(mirrors_setting.NotSet, match="PIP_CONFIG_FILE"):
        written(tmp_path, "https://u:hunter2@h.invalid/", {"PIP_CONFIG_FILE": str(named)})

    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("words", [("tunaa",), ("none", "tuna"), ("ftp://h/",)])
def test_what_is_not_understood_is_not_written(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mirrors", "--set", *words]) == 2
    told: Any = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("pip-resilient: --set: ")
    assert "; nothing was written; known are default, none" in told.err


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process's user has `pip.conf`; what follows asks the real pip."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    return tmp_path / "config" / "pip" / "pip.conf"


@pytest.mark.parametrize("words", [("",), (" ", "\t"), (",",)])
def test_nothing_is_not_written(
    home: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where `none` stood, an empty setting would allow the built-in mirrors."""
    home.parent.mkdir(parents=True)
    home.write_text("[global]\nresilient-mirrors = none\n")

    assert main(["mirrors", "--set", *words]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert home.read_text() == "[global]\nresilient-mirrors = none\n"


def test_white_space_is_none_of_the_setting(home: Path) -> None:
    """A new line in it would be one in pip.conf."""
    assert main(["mirrors", "--set", "tuna\n\taliyun", "bfsu"]) == 0
    assert home.read_text().strip() == "[global]\nresilient-mirrors = tuna aliyun bfsu"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("there", [False, True])
def test_a_login_is_not_for_everybody(
    home: Path, there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip makes the file as any other, and does not tell."""
    if there:
        home.parent.mkdir(parents=True)
        home.write_text("[global]\ntimeout = 5\n")
        home.chmod(0o644)

    assert main(["mirrors", "--set", "https://u:hunter2@own.invalid/simple/"]) == 0
    said = capsys.readouterr()
    assert "hunter2" in home.read_text()
    assert "hunter2" not in said.out + said.err
    assert home.stat().st_mode & 0o777 == (0o644 if there else 0o600)
    assert (f"chmod 600 {home}" in said.err) is there


def test_nobody_is_told_to_write_into_devnull(tmp_path: Path) -> None:
    with pytest.raises(mirrors_setting.NotSet, match=r"; unset it$"):
        written(tmp_path, "tuna", {"PIP_CONFIG_FILE": os.devnull})
