"""Is what is kept between runs told rightly, and thrown away wholly?"""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.cli import remembered
from pip_resilient.cli.main import main
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.store.folder import Folder
from pip_resilient.store.hosts import Hosts
from pip_resilient.store.last_good import LastGood
from pip_resilient.store.partials import Partials
from pip_resilient.store.runs import Runs

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
PIECE = bytes(1024)


def now() -> float:
    return NOW


@pytest.fixture
def state(tmp_path: Path) -> str:
    """A folder with one thing in each room, three hosts aside."""
    folder = str(tmp_path / "state")
    root = Folder.open(folder)
    assert root is not None
    hosts = Hosts(root.sub("hosts"), now)
    hosts.failed("https://dead.invalid:443", Failure(Kind.REFUSED), spare_answered=True)
    hosts.failed("https://well.invalid:443", Failure(Kind.REFUSED))
    hosts.served_wrong("https://wrong.invalid:443")
    Runs(root.sub("runs"), now).keep("1-ab12cd", ["{}"])
    partial = Partials(root.sub("partials"), now).open("sha256", "a" * 64, 4 << 20)
    assert partial is not None
    partial.write(0, PIECE)
    partial.note(0, len(PIECE), hashlib.sha256(PIECE).hexdigest())
    partial.close()
    pages = root.sub("pages")
    assert pages is not None
    pages.write("a" * 32, b"x" * 100)
    return folder


def cache(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["cache", *words, "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_each_room_is_told_with_its_size(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = cache(capsys, "info", "--state-dir", state)
    things = {room["name"]: room["things"] for room in said["rooms"]}

    assert things == {"hosts": 3, "pages": 1, "partials": 1, "runs": 1}
    assert said["size"] == sum(room["size"] for room in said["rooms"]) > 1100
    assert said["folder"] == state


@pytest.mark.parametrize("what", ["hosts", "pages", "partials", "runs"])
def test_one_room_is_emptied_and_no_other(
    state: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cache(capsys, "purge", what, "--state-dir", state)
    left = cache(capsys, "--state-dir", state)["rooms"]

    assert {room["name"] for room in left if not room["size"]} == {what}


def test_all_of_it_is_thrown_away(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    gone = cache(capsys, "purge", "--state-dir", state)["gone"]

    assert [room["things"] for room in gone] == [3, 1, 1, 1]
    assert cache(capsys, "--state-dir", state)["size"] == 0
    assert cache(capsys, "purge", "--state-dir", state)["left"] == []


def test_a_users_own_files_are_never_thrown_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web project has its `pages` and `partials` too, and a folder is soon mistaken."""
    monkeypatch.chdir(tmp_path)
    names = ("index.html", "a.json", "page", "header.tmpl", "2026-11.ndjson", "x.notes", "a" * 31)
    for room in remembered.ROOMS:
        (tmp_path / room).mkdir()
        for name in names:
            (tmp_path / room / name).write_text("mine")
    gone = cache(capsys, "purge", "--state-dir", ".")["gone"]

    assert [room["things"] for room in gone] == [0, 0, 0, 0]
    assert [sorted(os.listdir(room)) for room in remembered.ROOMS] == [sorted(names)] * 4


def test_who_only_looks_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "none"
    cache(capsys, "--state-dir", str(folder))
    cache(capsys, "purge", "--state-dir", str(folder))

    assert not folder.exists()


def test_another_ones_folder_is_left_alone(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What others may write is never read, so it is not thrown away either."""
    os.chmod(state, 0o777)

    assert main(["cache", "--state-dir", state]) == 0
    assert "not this user's alone" in capsys.readouterr().out.replace("\n", " ")
    assert main(["cache", "purge", "--json", "--state-dir", state]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["gone"][0]["things"] == 0
    assert f"{state} was thrown away: others may write to it; chmod go-w {state}" in said.err
    assert os.listdir(os.path.join(state, "runs"))


def test_another_ones_room_is_told(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It would seem to be empty."""
    room = os.path.join(state, "hosts")
    os.chmod(room, 0o770)

    assert main(["cache", "--state-dir", state]) == 0
    assert f"{room} is not used: others may write to it" in capsys.readouterr().err
    assert main(["cache", "purge", "pages", "--state-dir", state]) == 0
    assert main(["cache", "purge", "--state-dir", state]) == 1
    assert f"chmod go-w {room}" in capsys.readouterr().err
    assert os.listdir(room)


@pytest.mark.parametrize("how", ["file", "below a file"])
def test_a_folder_that_cannot_be_made_is_not_usable(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody would wait for what is never kept."""
    path = tmp_path / "file"
    path.touch()
    folder = str(path if how == "file" else path / "state")

    assert cache(capsys, "--state-dir", folder)["usable"] is False
    assert main(["cache", "--state-dir", folder]) == 0
    assert "nothing is kept" in capsys.readouterr().out


def test_a_url_for_a_folder_gives_no_login_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two settings are soon mistaken for each other."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_RESILIENT_STATE_DIR", "https://u:hunter2@h.invalid/simple/")
    monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
    for words in (["cache"], ["cache", "purge"], ["report"], ["status"]):
        main(words)
        main([*words, "--json"])
    said = capsys.readouterr()

    assert "hunter2" not in said.out + said.err


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "purge", "everything"]) == 2
    assert main(["cache", "info", "runs"]) == 2
    assert capsys.readouterr().out == ""


def test_hosts_out_of_order_are_told_with_how_long(state: str) -> None:
    """One failure alone is no trouble."""
    found = {one.place: one for one in remembered.troubles(state, now)}

    assert set(found) == {"https://dead.invalid:443", "https://wrong.invalid:443"}
    assert found["https://dead.invalid:443"].state == "open"
    assert found["https://dead.invalid:443"].seconds == pytest.approx(30.0)
    assert found["https://wrong.invalid:443"].state == "quarantined"

    later = {one.place: one for one in remembered.troubles(state, lambda: NOW + 31.0)}
    assert later["https://dead.invalid:443"].state == "half-open"
    assert not remembered.troubles(state, lambda: NOW + 90_000.0)


def test_unfinished_downloads_are_told(state: str) -> None:
    (one,) = remembered.unfinished(state)

    assert (one.digest, one.size, one.kept) == ("sha256:" + "a" * 64, 4 << 20, len(PIECE))


def test_a_page_counts_as_one(tmp_path: Path) -> None:
    folder = Folder.open(str(tmp_path / "state"))
    assert folder is not None
    kept = LastGood(folder.sub("pages"), now)
    kept.keep("https://h.invalid/simple/", "demo", b"<html></html>", "text/html")

    pages = next(one for one in remembered.rooms(folder.path) if one.name == "pages")
    assert pages.things == 1
