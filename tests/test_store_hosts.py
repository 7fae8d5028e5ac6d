"""Do processes and runs share what they learned of hosts, and does nothing wrong get in?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.breaker import OPEN, Health, quarantined, stands
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.store import hosts as room
from pip_resilient.store.folder import Folder
from pip_resilient.store.hosts import FRESH, KEPT, Hosts
from tests.wall_clock import NOW, Clock

ROOT = Path(__file__).resolve().parents[1]
PLACE = "https://index.example:443"
REFUSED = Failure(Kind.REFUSED)


def opened_in(hosts: Hosts) -> None:
    hosts.failed(PLACE, REFUSED, spare_answered=True)


def test_the_next_run_knows(folder: Folder, clock: Clock) -> None:
    """It would else pay for the dead host again."""
    opened_in(Hosts(folder, clock))

    assert stands(Hosts(folder, clock).health_of(PLACE), clock.now) is OPEN


def test_failures_of_several_processes_make_one_row(folder: Folder, clock: Clock) -> None:
    """Build children fail one by one."""
    for _ in range(3):
        Hosts(folder, clock).failed(PLACE, REFUSED)

    assert stands(Hosts(folder, clock).health_of(PLACE), clock.now) is OPEN


def test_another_process_is_heard_of_within_a_second(folder: Folder, clock: Clock) -> None:
    """The breaker is shared by parallel runs."""
    here, there = Hosts(folder, clock), Hosts(folder, clock)

    assert here.health_of(PLACE) == Health()

    opened_in(there)
    clock.now += FRESH

    assert stands(here.health_of(PLACE), clock.now) is OPEN


def test_a_healthy_run_writes_nothing(path: Path, folder: Folder, clock: Clock) -> None:
    """Most runs are healthy, and disks may be slow."""
    hosts = Hosts(folder, clock)
    for _ in range(100):
        hosts.probing(PLACE)
        hosts.answered(PLACE)
        clock.now += 0.3

    assert os.listdir(path) == []


def test_many_requests_read_once_a_second(
    folder: Folder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network disk takes milliseconds for each."""
    reads: list[str] = []
    read = Folder.read

    def counted(self: Folder, name: str, most: int) -> bytes | None:
        reads.append(name)
        return read(self, name, most)

    monkeypatch.setattr(Folder, "read", counted)
    hosts = Hosts(folder, clock)
    for _ in range(500):
        hosts.health_of(PLACE)
        hosts.answered(PLACE)

    assert len(reads) == 1


def test_a_clock_that_is_set_back_reads_again(folder: Folder, clock: Clock) -> None:
    """What was read in the future would be believed for as long."""
    hosts = Hosts(folder, clock)
    hosts.health_of(PLACE)
    clock.now -= 3600
    opened_in(Hosts(folder, clock))

    assert stands(hosts.health_of(PLACE), clock.now) is OPEN


def test_an_answer_leaves_nothing_behind(path: Path, folder: Folder, clock: Clock) -> None:
    """Healthy hosts have no file."""
    hosts = Hosts(folder, clock)
    hosts.failed(PLACE, REFUSED)
    hosts.answered(PLACE)

    assert os.listdir(path) == []
    assert hosts.health_of(PLACE) == Health()


def test_wrong_bytes_are_remembered_beyond_an_answer(folder: Folder, clock: Clock) -> None:
    """A hostile mirror answers most requests well."""
    hosts = Hosts(folder, clock)
    hosts.served_wrong(PLACE)
    hosts.answered(PLACE)
    clock.now += 3600

    assert quarantined(Hosts(folder, clock).health_of(PLACE), clock.now)


def test_one_process_probes(folder: Folder, clock: Clock) -> None:
    """The others see the breaker open meanwhile."""
    opened_in(Hosts(folder, clock))
    clock.now += 30.0
    Hosts(folder, clock).probing(PLACE)

    assert stands(Hosts(folder, clock).health_of(PLACE), clock.now + 1.0) is OPEN


def test_hosts_do_not_share(folder: Folder, clock: Clock) -> None:
    """http and https of one host, and two ports, fail by themselves."""
    hosts = Hosts(folder, clock)
    opened_in(hosts)

    for other in ("http://index.example:443", "https://index.example:8443", "", "../x"):
        assert hosts.health_of(other) == Health()


def test_without_a_folder_the_run_remembers(clock: Clock) -> None:
    """`--no-cache-dir`: a dead host is still waited for once only."""
    hosts = Hosts(None, clock)
    for _ in range(3):
        hosts.failed(PLACE, REFUSED)
    clock.now += 20.0

    assert stands(hosts.health_of(PLACE), clock.now) is OPEN

    hosts.answered(PLACE)

    assert hosts.health_of(PLACE) == Health()


def test_a_disk_that_fills_up_takes_no_memory_away(
    path: Path, folder: Folder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this run learns it knows, written or not."""
    hosts = Hosts(folder, clock)
    hosts.failed(PLACE, REFUSED)
    monkeypatch.setattr(Folder, "write", lambda *_: False)
    hosts.failed(PLACE, REFUSED)
    clock.now += 5.0
    hosts.failed(PLACE, REFUSED)
    clock.now += 5.0

    assert stands(hosts.health_of(PLACE), clock.now) is OPEN


def test_a_disk_that_is_full_from_the_start_takes_no_memory_away(
    folder: Folder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same before anything was written."""
    monkeypatch.setattr(Folder, "write", lambda *_: False)
    hosts = Hosts(folder, clock)
    opened_in(hosts)
    clock.now += 5.0

    assert stands(hosts.health_of(PLACE), clock.now) is OPEN


def good_record() -> dict[str, object]:
    return {"schema": 1, "place": PLACE, **Health(3, NOW, NOW, 30.0)._asdict()}


def test_the_record_of_these_tests_is_a_good_one(folder: Folder, clock: Clock) -> None:
    """Otherwise the next test would show nothing."""
    folder.write(room._file_of(PLACE), json.dumps(good_record()).encode())

    assert stands(Hosts(folder, clock).health_of(PLACE), NOW) is OPEN


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"schema": True, "place": None},
        {"place": "https://other.example:443"},
        {"failures": "3"},
        {"failures": True},
        {"failures": -1},
        {"failures": 10**400},
        {"failures": None},
        {"opened_at": NOW + 3600},
        {"opened_at": "now"},
        {"opened_at": float("nan")},
        {"failed_at": float("inf")},
        {"failed_at": [NOW]},
        {"cool_down": float("nan")},
        {"cool_down": None},
        {"cool_down": -30},
        {"padding": "x" * 5000},
    ],
    ids=str,
)
def test_a_record_that_we_did_not_write_is_unknown(
    folder: Folder, clock: Clock, change: dict[str, object]
) -> None:
    """Neither an error nor a wrong order may come of a file."""
    folder.write(room._file_of(PLACE), json.dumps({**good_record(), **change}).encode())

    assert Hosts(folder, clock).health_of(PLACE) == Health()


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 200, b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 4000, b"{}"],
)
def test_a_damaged_record_is_unknown_and_written_anew(
    folder: Folder, clock: Clock, data: bytes
) -> None:
    """A power cut leaves zeros."""
    folder.write(room._file_of(PLACE), data)
    hosts = Hosts(folder, clock)

    assert hosts.health_of(PLACE) == Health()

    opened_in(hosts)

    assert stands(Hosts(folder, clock).health_of(PLACE), clock.now) is OPEN


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_not(data: bytes) -> None:
    """A file made to raise would end a download."""
    assert isinstance(room._parsed(data, PLACE), Health)


def test_old_files_are_removed_by_a_run_that_writes(
    path: Path, folder: Folder, clock: Clock
) -> None:
    """Hosts that nobody asks any more would stay for ever."""
    old, new = (room._file_of(name) for name in ("old", "new"))
    folder.write(old, b"{}", NOW - KEPT - 1)
    folder.write(new, b"{}", NOW - KEPT + 60)
    opened_in(Hosts(folder, clock))

    assert sorted(os.listdir(path)) == sorted([room._file_of(PLACE), new])


def test_what_is_not_ours_stays_however_old(path: Path, folder: Folder, clock: Clock) -> None:
    """The folder that somebody named may be one in which they work."""
    folder.write("mine.json", b"{}", NOW - KEPT - 1)
    opened_in(Hosts(folder, clock))

    assert (path / "mine.json").exists()


def test_processes_at_once_do_no_harm(path: Path, folder: Folder) -> None:
    """Some counts are lost, and nothing else."""
    script = (
        "import sys, time; from pip_resilient.store.folder import Folder\n"
        "from pip_resilient.store.hosts import Hosts\n"
        "from pip_resilient.policy.failure import Failure, Kind\n"
        "hosts = Hosts(Folder.open(sys.argv[1]), time.time)\n"
        "for _ in range(300): hosts.failed(sys.argv[2], Failure(Kind.REFUSED))\n"
    )
    failing = [
        subprocess.Popen([sys.executable, "-c", script, str(path), PLACE], cwd=ROOT)
        for _ in range(2)
    ]

    assert [one.wait() for one in failing] == [0, 0]
    assert stands(Hosts(folder, time.time).health_of(PLACE), time.time()) is OPEN
    assert len(os.listdir(path)) == 1
