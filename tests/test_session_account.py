"""Is a run that something happened in kept, with what it takes to draw it and without secrets?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pip_resilient.accounts import AboutRun, Brought, Requested
from pip_resilient.events import Answered, GaveUp, Healed, Resumed, Retried, Widened
from pip_resilient.ndjson import from_json
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.session.account import Account, _without_defaults
from pip_resilient.session.track import Track
from pip_resilient.settings import Settings
from pip_resilient.store.folder import Folder
from pip_resilient.store.runs import Runs
from tests.faults import FaultServer, Reset
from tests.pip_in_process import HookedPip, hooked_pip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pip_resilient.events import Event

CONTENT = bytes(range(256)) * 1200
PLACE, URL = "files.invalid", "https://files.invalid/demo.whl"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def pip(tmp_path: Path) -> Iterator[HookedPip]:
    with hooked_pip() as hooked:
        hooked.run.state_dir = str(tmp_path / "state")
        yield hooked


def kept(pip: HookedPip) -> list[Event]:
    """Return the records of the last run that is kept; none where there is none."""
    root = Folder.open(str(pip.run.state_dir))
    runs = Runs(None if root is None else root.sub("runs"), lambda: 0.0)
    lines = (runs.read(runs.names()[0]) or []) if runs.names() else []
    return [event for line in lines if (event := from_json(line)) is not None]


def test_a_healed_run_is_kept_with_its_requests_and_bytes(
    pip: HookedPip, server: FaultServer
) -> None:
    """It is what the report is drawn from."""
    url = server.put("/demo-1.0.whl", CONTENT)
    server.script = [Reset(after=100_000).when("*.whl", first=1)]

    assert pip.download(url) == CONTENT
    pip.hook.closing.tell(pip.run)
    about, *rest = kept(pip)
    requests = [event for event in rest if isinstance(event, Requested)]
    place = f"127.0.0.1:{server.port}"

    assert isinstance(about, AboutRun)
    assert about.records == len(rest) + 1
    assert about.requests == 1
    assert not about.failed
    assert [(one.url, one.status, one.length, one.cached) for one in requests] == [
        (url, 200, len(CONTENT), False)
    ]
    assert 0 <= requests[0].at <= (requests[0].answered or 0) <= (requests[0].ended or 0)
    brought = [event for event in rest if isinstance(event, Brought)]
    assert {one.place for one in brought} == {place}
    assert sum(one.length for one in brought) == len(CONTENT)
    assert {type(event) for event in rest} == {Requested, Brought, Retried, Resumed, Healed}
    assert [event.at for event in rest] == sorted(event.at for event in rest)


def test_a_part_that_pip_asks_for_counts_as_a_part(pip: HookedPip, server: FaultServer) -> None:
    """pip 25.1 and newer ask for the rest of a file themselves; what was there nobody brought."""
    url = server.put("/demo-1.0.whl", CONTENT)
    session = pip.session()
    response = session.get(url, stream=True, headers={"Range": "bytes=300000-"})

    assert response.content == CONTENT[300_000:]
    session.close()
    assert sum(pip.run.track.brought.values()) == len(CONTENT) - 300_000


def test_a_healthy_run_is_not_kept(pip: HookedPip, server: FaultServer) -> None:
    """It would push out those that somebody wants to look at."""
    pip.download(server.put("/demo-1.0.whl", CONTENT))
    pip.hook.closing.tell(pip.run)

    assert kept(pip) == []


@pytest.mark.parametrize(
    ("failed", "event", "worth"),
    [
        (False, Answered(1.0, PLACE, URL, 404), False),
        (True, Answered(1.0, PLACE, URL, 404), True),
        (False, Widened(1.0, PLACE, URL, 2, 5, 10), False),
        (False, Healed(1.0, PLACE, URL, 1, 0), True),
    ],
)
def test_what_is_worth_keeping(pip: HookedPip, failed: bool, event: Event, worth: bool) -> None:
    """A second index that lacks a project is the usual case, and so is a large file."""
    pip.run.journal.add(event)
    pip.hook.closing.failed = failed
    pip.hook.closing.tell(pip.run)

    assert bool(kept(pip)) is worth


def test_without_a_cache_nothing_is_kept(pip: HookedPip, tmp_path: Path) -> None:
    """`--no-cache-dir` says so."""
    pip.run.state_dir = None
    pip.run.journal.add(Healed(1.0, PLACE, URL, 1, 0))
    pip.hook.closing.tell(pip.run)

    assert list(tmp_path.iterdir()) == []


def test_the_last_line_leads_to_the_report(
    pip: HookedPip, caplog: pytest.LogCaptureFixture
) -> None:
    """Where there is one, and as the user was told."""
    pip.run.journal.add(GaveUp(1.0, PLACE, URL, Failure(Kind.REFUSED), 3, 150.0, "patience"))
    pip.hook.closing.failed = True
    pip.hook.closing.tell(pip.run)
    about = kept(pip)[0]

    assert caplog.messages[-1].endswith(". Details: pip-resilient report")
    assert isinstance(about, AboutRun)
    assert about.failed
    assert about.verdict is not None
    assert f"pip-resilient: {about.verdict}. Details:" in caplog.messages[-1]


def test_what_cannot_be_kept_leads_nowhere(
    pip: HookedPip, caplog: pytest.LogCaptureFixture
) -> None:
    """The user would look for it."""
    pip.run.state_dir = None
    pip.run.journal.add(GaveUp(1.0, PLACE, URL, Failure(Kind.REFUSED), 3, 150.0, "patience"))
    pip.hook.closing.tell(pip.run)

    assert "report" not in caplog.messages[-1]


def test_the_last_line_is_said_whatever_becomes_of_the_rest(
    pip: HookedPip, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what the user waits for."""

    def broken(*arguments: object) -> bool:
        raise ValueError(arguments)

    monkeypatch.setattr(Account, "keep", broken)
    pip.run.journal.add(GaveUp(1.0, PLACE, URL, Failure(Kind.REFUSED), 3, 150.0, "patience"))
    pip.hook.closing.tell(pip.run)

    assert "connection refused" in caplog.messages[-1]


def test_what_children_told_has_the_times_of_the_parent(pip: HookedPip) -> None:
    """Each began with a clock of its own."""
    began = pip.run.track.started + 10.0
    told: list[Event] = [
        AboutRun(0.0, began, 1.0, True, "install", "1", "2", "3", {}, 1, 2, None),
        Requested(1.0, PLACE, URL, "GET", 2.0, None, 200, 5, False),
        Healed(3.0, PLACE, URL, 1, 0),
    ]
    about, request, healed = Account(pip.run).shifted(told)

    assert (about.at, healed.at) == pytest.approx((10.0, 13.0))
    assert isinstance(request, Requested)
    assert (request.at, request.answered) == pytest.approx((11.0, 12.0))
    assert request.ended is None


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("tuna none", "tuna none"),
        ("https://jane:hunter2@m.invalid/simple/", "https://m.invalid/simple/"),
        ("https://jane:hunter2@m.invalid/simple/?t=hunter2", "?"),
        ("files:https://jane:hunter2@m.invalid/x", "files:https://m.invalid/x/"),
        (
            "https://a:hunter2@one.invalid/x=https://b:hunter2@two.invalid/y,tuna",
            "https://one.invalid/x/=https://two.invalid/y/ tuna",
        ),
        ("jane:hunter2@m.invalid", "?"),
        ("https://jane:hunter2@m.invalid:port/\nx", "? ?"),
        ("https://jane:aa,hunter2,bb@m.invalid/simple/", "? ? ?"),
        ("https://jane:aa hunter2 bb@m.invalid", "? ? ?"),
        ("https://jane:a,hunter2", "? ?"),
        ("https://jane:12345#x@m.invalid/", "?"),
        ("https://jane:12345,x@m.invalid/", "? ?"),
    ],
)
def test_settings_are_written_without_logins(said: str, written: str) -> None:
    """A report is made to be shown to others."""
    assert _without_defaults(Settings(mirrors=(said,))) == {"mirrors": written}


def test_settings_that_are_the_usual_ones_say_nothing() -> None:
    """What differs is what explains a run."""
    assert _without_defaults(Settings()) == {}
    assert _without_defaults(Settings(patience=20.0)) == {"patience": "20.0"}


def test_bytes_of_a_long_run_take_no_more_room() -> None:
    """Somebody's pip runs all night."""
    now = 0.0
    track = Track(lambda: now)
    for second in range(20_000):
        now = second / 2
        track.came(f"host{second % 2}", 10)

    assert sum(track.brought.values()) == 200_000
    assert len(track.brought) <= 512
    assert track.width * max(number for _, number in track.brought) <= now


def test_a_run_without_end_remembers_its_first_requests() -> None:
    """And how many there were."""
    track = Track(lambda: 0.0)
    for number in range(2100):
        track.begun("GET", str(number))

    assert track.count == 2100
    assert len(track.traces) == 2000
