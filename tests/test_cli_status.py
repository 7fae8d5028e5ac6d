"""Does `pip-resilient status` tell armed from not armed, and why?"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pip_resilient.cli import armed, status
from pip_resilient.cli.in_force import InForce, in_force
from pip_resilient.cli.output import Output
from pip_resilient.cli.pip_config import PipConfig, Source, Value
from pip_resilient.cli.remembered import Refused, Trouble
from pip_resilient.mirrors.declared import Declared
from pip_resilient.store.partials import Held

if TYPE_CHECKING:
    from pathlib import Path

SUM = "a" * 64
FILE = armed.StartFile("/v/pip_resilient.pth", "import os; ...", SUM, SUM)
CARRIER = armed.Carrier("/p/pip_resilient/carrier")
TRIED = armed.Tried("26.3", "/v/pip", True, ("PipSession.__init__",))
ON = armed.switch({"PIP_RESILIENT": "1"})
OFF = armed.switch({})
FINE = status.Status(ON, FILE, TRIED, InForce((), Declared(), ()), "/cache")


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), (" TRUE ", True), ("on", True), ("2", False), ("", False), ("y", False)],
)
def test_the_switch_is_read_as_the_start_up_file_reads_it(value: str, on: bool) -> None:
    """What counts as on is written twice, and once it has to be short."""
    (line,) = [one for one in _start_file() if one]
    there = {"PIP_RESILIENT": value}
    found: list[str] = []
    code = line.partition("; ")[2].partition(" and ")[0]

    assert armed.switch(there).on is on
    exec(f"found.append({code})", {"os": _Os(there), "found": found})
    assert found == [on]


class _Os:
    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ


def _start_file() -> list[str]:
    from pathlib import Path  # noqa: PLC0415

    root = Path(__file__).resolve().parents[1]
    return (root / armed.START_FILE).read_text(encoding="ascii").splitlines()


def test_all_is_well() -> None:
    assert status.problems(FINE) == []
    assert status.verdict(FINE, []).startswith("armed: pip 26.3 in ")


@pytest.mark.parametrize(
    ("changed", "said", "advice"),
    [
        ({"switch": OFF}, "PIP_RESILIENT is not set", 'eval "$(pip-resilient enable)"'),
        ({"switch": armed.switch({"PIP_RESILIENT": "2"})}, "'2', which is off", "enable"),
        ({"file": FILE._replace(text="", sha256="")}, "there is no start-up file", "reinstall"),
        ({"file": FILE._replace(sha256="b" * 64)}, "not as it was shipped", "reinstall"),
        ({"tried": TRIED._replace(at_start=False)}, "does not run the start-up file", "-S"),
        ({"tried": TRIED._replace(changed=(), aside="no X")}, "stands aside", "--upgrade"),
        (
            {"tried": TRIED._replace(aside="ModuleNotFoundError: No module named 'wrapt'")},
            "stands aside",
            "install --force-reinstall wrapt",
        ),
        ({"tried": TRIED._replace(changed=())}, "was not changed", "reinstall"),
        ({"tried": armed.Tried(broken="No module named 'pip'")}, "No module", "ensurepip"),
        ({"tried": armed.Tried(broken="SyntaxError")}, "SyntaxError", "doctor"),
    ],
)
def test_what_keeps_pip_from_being_armed_is_said(
    changed: dict[str, object], said: str, advice: str
) -> None:
    found = status.problems(FINE._replace(**changed))

    assert len(found) == 1
    assert said in found[0].said
    assert advice in found[0].advice


GONE = FINE._replace(file=FILE._replace(text="", sha256=""), carrier=CARRIER)
"""An environment without the plugin, under `run`."""


def row_of(looked: status.Status, name: str) -> tuple[str, str]:
    row = next(one for one in status.checks(looked) if one.name == name)
    return row.state, row.said


def test_what_run_has_armed_needs_no_start_up_file() -> None:
    looked = GONE._replace(tried=TRIED._replace(carrier=CARRIER.folder))

    assert status.problems(looked) == []
    assert status.verdict(looked, []).endswith(", by pip-resilient run")
    assert row_of(looked, "start-up file")[0] == "note"
    assert row_of(looked, "carrier") == (
        "ok",
        "run (sitecustomize in /p/pip_resilient/carrier); pip is armed through it",
    )


def test_a_start_up_file_comes_before_the_carrier() -> None:
    said = row_of(FINE._replace(carrier=CARRIER), "carrier")

    assert said[0] == "ok"
    assert said[1].endswith("not armed through it, but by the start-up file")


@pytest.mark.parametrize(
    ("hidden_by", "advice"), [("/other", "/carrier first on PYTHONPATH"), ("", "reinstall")]
)
def test_a_carrier_that_is_not_run_is_a_problem(hidden_by: str, advice: str) -> None:
    looked = GONE._replace(
        tried=TRIED._replace(at_start=False), carrier=CARRIER._replace(hidden_by=hidden_by)
    )
    (found,) = status.problems(looked)

    assert hidden_by in found.said
    assert advice in found.advice
    assert row_of(looked, "carrier")[0] == "bad"


def test_a_pip_that_is_gone_is_the_only_problem_under_run() -> None:
    found = status.problems(GONE._replace(tried=armed.Tried(broken="No module named 'pip'")))

    assert [one.advice for one in found] == ["python -m ensurepip --upgrade"]


def test_the_first_sitecustomize_is_the_one_that_is_run(tmp_path: Path) -> None:
    ours, other = tmp_path / "pip_resilient" / "carrier", tmp_path / "other"
    for folder in (ours, other):
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").touch()

    def found(*folders: Path) -> armed.Carrier:
        return armed.carrier({"PYTHONPATH": os.pathsep.join(map(str, folders))})

    assert found() == armed.Carrier()
    assert found(other) == armed.Carrier()
    assert found(tmp_path, ours, other) == armed.Carrier(str(ours))
    assert found(other, ours) == armed.Carrier(str(ours), str(other))


def test_a_wrong_setting_is_a_problem_and_pip_is_armed_all_the_same() -> None:
    settings = InForce((), Declared(), ("PIP_RESILIENT_PATIENCE is 'x'",))
    looked = FINE._replace(settings=settings)
    found = status.problems(looked)

    assert status.verdict(looked, found).startswith("armed: ")
    assert "but PIP_RESILIENT_PATIENCE is 'x'" in status.verdict(looked, found)


@pytest.mark.parametrize(("days", "state"), [(365, "ok"), (366, "note")])
def test_an_old_list_of_mirrors_is_noted(days: int, state: str) -> None:
    """It is no reason to fail a script."""
    looked = FINE._replace(days=days)
    row = next(one for one in status.checks(looked) if one.name == "mirrors")

    assert row.state == state
    assert ("upgrade" in row.said) is (state == "note")
    assert status.problems(looked) == []


def told(looked: status.Status, columns: int = 80) -> str:
    out = io.StringIO()
    output = Output(out, io.StringIO(), {"COLUMNS": str(columns)})
    status.tell(looked, status.problems(looked), output)
    return out.getvalue()


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_all_of_it_is_told_and_fits(columns: int) -> None:
    looked = FINE._replace(
        troubles=(Trouble("https://h.invalid:443", "open", 29.5, 3),),
        unfinished=(Held(f"sha256:{SUM}", 8_000_000, 2_000_000, 0.0),),
        runs=("a", "b"),
    )
    said = told(looked, columns)
    flat = " ".join(said.split())

    assert max(map(len, said.splitlines())) <= columns
    assert "https://h.invalid:443: for up to 29 seconds" in flat
    assert "2.0 MB of 8.0 MB" in flat
    assert "2 kept" in flat
    assert said.splitlines()[0].startswith("armed")


def test_a_folder_that_is_not_used_is_noted() -> None:
    """pip works, and remembers nothing; it is no reason to fail a script."""
    refused = Refused("/cache/hosts", "others may write to it", "chmod go-w /cache/hosts")
    looked = FINE._replace(refused=(refused,))
    said = told(looked, 200)

    assert status.problems(looked) == []
    assert row_of(looked, "state") == ("note", "/cache/hosts is not used: others may write to it")
    assert "\n    Try: chmod go-w /cache/hosts\n" in said
    assert status.document(looked, [])["refused"] == [refused._asdict()]


def test_the_document_says_the_same() -> None:
    said = json.loads(json.dumps(status.document(FINE, [])))

    assert said["armed"] is True
    assert said["start_file"]["as_shipped"] is True
    assert said["pip"]["changed"] == ["PipSession.__init__"]


def value(key: str, text: str, source: Source) -> tuple[str, Value]:
    return key, Value(key.rpartition(".")[2], text, source)


def test_each_setting_is_told_with_what_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    file = Source("file", "global.resilient-deadline", "/etc/pip.conf", "global")
    variable = Source("environment", "PIP_RESILIENT_PATIENCE")
    mirrors = Source("environment", "PIP_RESILIENT_MIRRORS")
    keys = dict(
        [
            value("global.resilient-deadline", "900", file),
            value(":env:.resilient-patience", "soon", variable),
            value(":env:.resilient-mirrors", "https://u:hunter2@h.invalid/simple/ tuna", mirrors),
        ]
    )
    config = PipConfig({one.name: one for one in keys.values()}, keys=keys)
    found = in_force(config, {"PIP_RESILIENT_TYPO": "1"})
    by_name = {one.name: (one.text, one.source) for one in found.values}

    assert by_name["deadline"] == ("900", "global.resilient-deadline in /etc/pip.conf")
    assert by_name["connections"] == ("4", "default")
    assert by_name["patience"][0] == "150"
    assert "wrong" in by_name["patience"][1]
    assert by_name["mirrors"][0] == "https://h.invalid/simple/ tuna"
    assert len(found.problems) == 2
    assert any("PIP_RESILIENT_TYPO" in one for one in found.problems)


def test_none_on_a_weaker_level_forbids_built_in_mirrors() -> None:
    """An administrator's word."""
    keys = dict(
        [
            value("global.resilient-mirrors", "none", Source("file", "x", "/etc/pip.conf")),
            value(":env:.resilient-mirrors", "default", Source("environment", "V")),
        ]
    )
    config = PipConfig({one.name: one for one in keys.values()}, keys=keys)

    assert in_force(config, {}).mirrors.default is False


class Dist:
    """A distribution with one file in its RECORD."""

    def __init__(self, path: Path, sha256: str) -> None:
        import base64  # noqa: PLC0415
        from importlib.metadata import FileHash, PackagePath  # noqa: PLC0415

        raw = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
        file = PackagePath(armed.START_FILE)
        file.hash = FileHash(f"sha256={raw}")
        file.dist = self  # type: ignore[assignment]
        self.files, self._path = [file], path

    def locate_file(self, path: object) -> Path:
        return self._path


@pytest.mark.parametrize("changed", [False, True])
def test_the_start_up_file_is_held_against_what_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    path = tmp_path / armed.START_FILE
    path.write_bytes(b"import os\n")
    shipped = hashlib.sha256(b"import os\n").hexdigest()
    monkeypatch.setattr(armed.metadata, "distribution", lambda name: Dist(path, shipped))
    if changed:
        path.write_bytes(b"import os; evil\n")
    found = armed.start_file()

    assert found.path == str(path)
    assert found.shipped == shipped
    assert found.sound is not changed
    assert found.text.startswith("import os")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            (0, '[true, "", "26.3", "/v/pip/__init__.py", ["a.b"]]', ""),
            TRIED._replace(changed=("a.b",)),
        ),
        ((1, "", "Traceback\nImportError: no ssl\n"), armed.Tried(broken="ImportError: no ssl")),
        ((-1, "", ""), armed.Tried(broken="it did not say in time")),
        (
            (
                0,
                '[true, "", "26.3", "/v/pip/__init__.py", []]',
                "pip-resilient: standing aside, pip runs without it (this pip has no PipSession)\n",
            ),
            TRIED._replace(changed=(), aside="this pip has no PipSession"),
        ),
    ],
)
def test_what_pip_said_is_understood(answer: tuple[int, str, str], expected: armed.Tried) -> None:
    assert armed.tried(lambda command: answer, sys.executable) == expected
