"""Does `pip-resilient report` show the run that is meant, and say why where there is none?"""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING

import pytest

from pip_resilient.cli import main, report_text
from pip_resilient.cli.kept import Kept, read, state_folder
from pip_resilient.cli.output import Output
from pip_resilient.cli.report_words import ago, seconds, verdict
from pip_resilient.cli.waterfall import rows
from pip_resilient.events import Answered, GaveUp
from pip_resilient.ndjson import to_json
from pip_resilient.store.folder import Folder
from pip_resilient.store.runs import Runs
from tests.reported_runs import ABOUT, EVENTS, GONE, INDEX, REFUSED, RUN

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(run: Kept) -> list[str]:
    return [to_json(event, run.name) for event in (run.about, *run.events)]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with two runs; the newer one has failed."""
    folder = tmp_path / "state"
    root = Folder.open(str(folder))
    assert root is not None
    failed = RUN._replace(name="2-ab12cd", about=ABOUT._replace(failed=True, command="download"))
    for moment, run in ((1000.0, RUN._replace(name="1-ab12cd")), (2000.0, failed)):
        Runs(root.sub("runs"), lambda moment=moment: moment).keep(run.name, lines_of(run))
    return folder


def report(*words: str) -> int:
    return main.main(["report", *words])


def test_the_last_run_is_shown(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict first, then what it is made of."""
    code = report("--state-dir", str(state))
    said = capsys.readouterr().out

    assert code == 0
    assert said.startswith("pip download failed after 20.0 s, ")
    assert "not a missing package" in said.splitlines()[1] + said.splitlines()[2]
    for wanted in ("served by aliyun", "connection refused", "25.0 MB", "patience=20.0"):
        assert wanted in said


@pytest.mark.parametrize("which", ["2", "1-ab12cd"])
def test_another_run_is_shown_by_its_number_or_its_name(
    state: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    """As the list names them."""
    assert report("--state-dir", str(state), which) == 0
    assert capsys.readouterr().out.startswith("pip install ended well")


def test_the_list_has_the_newest_first(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number is what is typed next."""
    monkeypatch.setenv("COLUMNS", "120")
    assert report("--state-dir", str(state), "--list") == 0

    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["RUN", "BEGAN"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    assert [row.split()[3] for row in rows] == ["download", "install"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"{"])
def test_a_damaged_run_hides_no_other(
    state: Path, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    """The power fails while the last one is kept; numbers mean the same in both commands."""
    (state / "runs" / "2-ab12cd.ndjson").write_bytes(damage)

    assert report("--state-dir", str(state)) == 0
    assert capsys.readouterr().out.startswith("pip install ended well")
    assert report("--state-dir", str(state), "--list", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["1-ab12cd"]
    assert report("--state-dir", str(state), "1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "1-ab12cd"


def test_the_list_can_be_read_by_programs(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As everything else."""
    assert report("--state-dir", str(state), "--list", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["2-ab12cd", "1-ab12cd"]


def test_a_program_gets_one_document(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else."""
    assert report("--state-dir", str(state), "--json") == 0

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert said.err == ""
    assert document["name"] == "2-ab12cd"
    assert document["run"]["failed"] is True
    assert document["good"] is False
    assert document["totals"]["saved"] == 15_000_000
    assert [event["event"] for event in document["events"][:2]] == ["request", "request"]


def test_a_page_is_written(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To where it was said, and said where it is."""
    path = tmp_path / "run.html"

    assert report("--state-dir", str(state), "--html", str(path)) == 0
    assert path.read_text("ascii").startswith("<!DOCTYPE html>")
    assert str(path) in capsys.readouterr().err


def test_a_page_that_cannot_be_written_says_why(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback says it to nobody."""
    assert report("--state-dir", str(state), "--html", str(tmp_path)) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_file_of_events_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody sends one, or CI keeps it; the last run in it counts."""
    path = tmp_path / "events.ndjson"
    other = RUN._replace(name="other", about=ABOUT._replace(command="wheel"))
    path.write_text("\n".join([*lines_of(RUN), "junk", *lines_of(other)]), "ascii")

    assert report(str(path)) == 0
    assert capsys.readouterr().out.startswith("pip wheel ended well")


@pytest.mark.parametrize(
    "words", [(), ("--list",), ("7",), ("9" * 5000,), ("nothing",), ("",), ("--json", "../x")]
)
def test_where_there_is_no_run_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """An empty page would look like a run without requests."""
    assert report("--state-dir", str(tmp_path / "none"), *words) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert "no run" in said.err
    assert not (tmp_path / "none").exists()


def test_what_is_no_file_of_events_is_told_as_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That there is no run would send somebody to look for the file."""
    empty = tmp_path / "empty.ndjson"
    empty.write_text("junk\n")

    assert report(str(empty)) == 1
    assert "it holds no events" in capsys.readouterr().err
    assert report(str(tmp_path)) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_a_page_is_written_only_where_it_harms_nothing(
    state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty variable, or the log itself, is soon written there."""
    log = tmp_path / "events.ndjson"
    log.write_text("\n".join(lines_of(RUN)), "ascii")

    assert report(str(log), "--html", str(log)) == 2
    assert report("--state-dir", str(state), "--html", "") == 2
    assert report("--state-dir", str(state), "--list", "--html", str(tmp_path / "p")) == 2
    assert log.read_text("ascii") == "\n".join(lines_of(RUN))
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 3


@pytest.mark.parametrize("wide", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(wide: int) -> None:
    """A table that is folded by the terminal is no table."""
    out = io.StringIO()
    output = Output(out, out, {"COLUMNS": str(wide)})
    report_text.show(RUN, output, ABOUT.started + 90.0, every=True)

    assert max(map(len, out.getvalue().splitlines())) <= wide
    assert "1 minute ago" in " ".join(out.getvalue().split())


def test_what_nothing_happened_to_is_shown_when_asked_for() -> None:
    """It would hide what the report is for."""
    said = []
    for every in (False, True):
        out = io.StringIO()
        report_text.show(RUN, Output(out, out, {"COLUMNS": "120"}), 0.0, every=every)
        said.append(out.getvalue())

    assert "and 1 more that nothing happened to" in said[0]
    assert "more that" not in said[1]
    assert "\ndemo  " not in said[0]
    assert "\ndemo  " in said[1]


def test_a_request_is_drawn_in_one_line() -> None:
    """The same picture as on the page, as far as letters go."""
    drawn = [report_text.drawing(row, 20.0, 40) for row in rows(ABOUT, EVENTS)]

    assert drawn == [
        ".=",
        "  .===x~~~.>====@@@@@@@@",
        "                        ..x~~~~~~~~~~~.!",
    ]


def test_a_run_without_its_end_is_read() -> None:
    """A killed pip writes no `run` record."""
    (run,) = read([to_json(event, "a") for event in EVENTS])

    assert run.name == "a"
    assert run.about.duration == 20.0
    assert len(run.events) == len(EVENTS)


def test_the_verdict_is_what_the_user_was_told() -> None:
    """Later the environment is another one, and so would be the words."""
    told = RUN._replace(
        about=ABOUT._replace(verdict="the proxy (HTTPS_PROXY) refused", failed=True)
    )

    assert verdict(told) == ("the proxy (HTTPS_PROXY) refused", False)


@pytest.mark.parametrize(
    ("events", "failed", "said", "good"),
    [
        (EVENTS[:10], False, "healed 2 interruptions, 1 mirror switch", True),
        ([Answered(1.0, INDEX, GONE, 404)], False, "nothing was in the way for long", True),
        ([Answered(1.0, INDEX, GONE, 404)], True, "pip failed, but not by the network", False),
        (
            [GaveUp(1.0, INDEX, GONE, REFUSED, 2, 15.0, "patience")],
            *(True, "this was a network failure", False),
        ),
    ],
)
def test_a_run_without_a_last_line_has_a_verdict(
    events: list[object], failed: bool, said: str, good: bool
) -> None:
    """It is what is looked for first."""
    found = verdict(Kept("", ABOUT._replace(failed=failed), events))

    assert found[0].startswith(said)
    assert found[1] is good


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({}, "HOME/.cache/pip/pip-resilient"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/pip/pip-resilient"),
        ({"PIP_CACHE_DIR": "/c"}, "/c/pip-resilient"),
        ({"PIP_RESILIENT_STATE_DIR": "/s"}, "/s"),
        ({"PIP_RESILIENT_STATE_DIR": "none"}, None),
        ({"PIP_NO_CACHE_DIR": "1"}, None),
        ({"PIP_NO_CACHE_DIR": "0"}, None),
        ({"PIP_NO_CACHE_DIR": "1", "PIP_RESILIENT_STATE_DIR": "/s"}, None),
        ({"PIP_CONFIG_FILE": "CONF"}, "/conf/pip-resilient"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
def test_runs_are_looked_for_where_pip_keeps_them(
    tmp_path: Path, environ: dict[str, str], folder: str | None
) -> None:
    """pip itself may be broken, and is not asked."""
    (tmp_path / "pip.conf").write_text("[global]\ncache-dir = /conf\n")
    home = str(tmp_path)
    named = {k: v.replace("CONF", f"{home}/pip.conf") for k, v in environ.items()}
    found = state_folder({"HOME": home, "PIP_CONFIG_FILE": os.devnull, **named}, "linux")

    assert found == (folder and folder.replace("HOME", home))


def test_elsewhere_pip_keeps_them_elsewhere() -> None:
    """Each system has its own place for a cache."""
    environ = {"HOME": "/h", "LOCALAPPDATA": "/l", "PIP_CONFIG_FILE": os.devnull}

    assert state_folder(environ, "darwin") == "/h/Library/Caches/pip/pip-resilient"
    assert str(state_folder(environ, "win32")).startswith("/l")


@pytest.mark.parametrize(
    ("span", "said"),
    [(0.416, "0.42 s"), (12.34, "12.3 s"), (119, "119.0 s"), (245, "4 min 05 s")],
)
def test_times_are_short(span: float, said: str) -> None:
    """Three figures are enough."""
    assert seconds(span) == said


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (5, "just now"),
        (61, "1 minute ago"),
        (7300, "2 hours ago"),
        (9e4, "1 day ago"),
        (-5, "just now"),
    ],
)
def test_how_long_ago_it_was(past: float, said: str) -> None:
    """An old run must not be taken for the last one."""
    assert ago(1000.0, 1000.0 + past) == said
