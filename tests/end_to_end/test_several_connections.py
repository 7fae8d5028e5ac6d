"""What do several connections to one host bring, and what do they never do?

The rule: real pips fetch a file whose host gives each connection only so much.
What counts is what was served: which bytes, how many, over how many connections
at once and for how long; how long pip takes to start says nothing. A host that
wants none of it gets one connection, and pip the right bytes all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import or_skip
from tests.end_to_end.namespaces import small_disk
from tests.end_to_end.played_pypi import played_pypi
from tests.end_to_end.timing import shortest
from tests.faults import (
    DropEvery,
    Fault,
    FaultServer,
    Fin,
    FlippedBit,
    HostThrottle,
    NeverAnswer,
    OtherContent,
    RangeIgnored,
    RangeRefused,
    Reset,
    Silence,
    Status,
    Throttle,
    Together,
    WrongOffset,
)
from tests.packages import Index, PageForm, metadata, wheel, wheel_name
from tests.servers.line import Line

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedPyPI
    from tests.faults import Scripted
    from tests.packages import Distribution
    from tests.servers.delivery import Plan

MB = 1_000_000
SIZE = 8 * MB
RATE = 2 * MB
ALONE = SIZE / RATE
"""Seconds that one connection takes at least: its host sees to that."""
SLOW = 150_000
"""Bytes per second at which a mirror is asked for a part, since the rest would take too long."""
LINK = Throttle(RATE)
WITHIN_A_PART = 20_000
"""Bytes: fewer than the smallest part that anybody is asked for."""
MOMENT = 0.15
"""Seconds until a server notices that a connection is closed, on a busy machine."""
DOWNLOAD = ("download", "--no-deps", "--dest", "out", "demo")


@dataclass(frozen=True)
class SlowUntil(Fault):
    """All bodies share a slow line, until something has happened."""

    rate: float
    happened: Callable[[], bool]
    then: float = 4 * RATE
    slow: Line = field(init=False, repr=False, compare=False)
    fast: Line = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slow", Line(self.rate))
        object.__setattr__(self, "fast", Line(self.then))

    def change_plan(self, plan: Plan) -> Plan:
        return replace(plan, pace=self)

    def size_after(self, sent: int) -> int:
        return self._line().size_after(sent)

    def wait_for(self, size: int, sent: int) -> float:
        return self._line().wait_for(size, sent)

    def _line(self) -> Line:
        return self.fast if self.happened() else self.slow


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=SIZE)


@contextlib.contextmanager
def scene(
    environment: Environment,
) -> Iterator[tuple[Environment, PlayedPyPI, Distribution]]:
    """Lend a new home, and a PyPI with `demo` that nobody has asked yet."""
    with played_pypi() as pypi:
        held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
        yield environment.with_fresh_home(), pypi, held


def throttled(*faults: Fault) -> Fault:
    """Return a fault that happens on a link which gives each connection only so much."""
    return Together((*faults, LINK))


def download(
    environment: Environment, pypi: PlayedPyPI, *options: str, armed: bool = True, **env: str
) -> subprocess.CompletedProcess[str]:
    if armed:
        env = {"PIP_RESILIENT_LOG": str(log_of(environment)), **env}
    return pypi.pip(environment, *DOWNLOAD, *options, armed=armed, by_options=False, env=env)


def log_of(environment: Environment) -> Path:
    return environment.home / "events.ndjson"


def assert_right(
    done: subprocess.CompletedProcess[str], environment: Environment, held: Distribution
) -> None:
    assert done.returncode == 0, done.stderr
    assert (environment.work / "out" / held.filename).read_bytes() == held.content


def at_once(server: FaultServer, held: Distribution) -> int:
    """Return over how many connections a file's bytes went out at the same time, at most."""
    spans = [
        (seen.at, seen.last_byte_at - MOMENT)
        for seen in server.requests(held.path)
        if seen.last_byte_at is not None
    ]
    return max([sum(a <= at < b for a, b in spans) for at, _ in spans], default=0)


def took(server: FaultServer, held: Distribution) -> float:
    """Return the seconds from the first request for a file to its last byte."""
    seen = server.requests(held.path)
    return max(one.last_byte_at or 0.0 for one in seen) - min(one.at for one in seen)


def ranged(server: FaultServer, held: Distribution) -> int:
    return sum(asked is not None for asked in server.ranges(held.path))


def happened(environment: Environment) -> list[dict[str, object]]:
    """Return what pip has written down of its run; nothing, if it had no reason to."""
    path = log_of(environment)
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def needed(held: Distribution, *servers: FaultServer) -> int:
    """Return how many bytes went out, but for what was on its way behind the next one's beginning.

    A server hands on what the system's buffers take. Where a connection was closed since
    another one had begun further on, nobody has read what lay there.
    """
    seen = sorted(
        (one for server in servers for one in server.requests(held.path)), key=lambda one: one.at
    )
    begins = [int((one.range or "bytes=0-")[6:].partition("-")[0]) for one in seen]
    total = 0
    for number, (one, begin) in enumerate(zip(seen, begins)):
        further = [later - begin for later in begins[number:] if later > begin]
        total += min([one.body_bytes, *further])
    return total


def assert_not_twice(
    environment: Environment, held: Distribution, *servers: FaultServer, most: float = 1.05
) -> None:
    """See that bytes came so often at most: by what the servers sent, and by what pip has read."""
    assert needed(held, *servers) <= most * SIZE
    read = [one["length"] for one in happened(environment) if one["event"] == "bytes"]
    assert sum(map(int, map(str, read))) <= most * SIZE


# --- A link that is throttled, per connection or as a whole ---


def test_a_link_throttled_per_connection_is_used_by_several(
    oldest_and_newest: Environment,
) -> None:
    """And what stands in pip's cache then is the whole file: a plain pip asks nobody."""

    def once() -> float:
        with scene(oldest_and_newest) as (environment, pypi, held):
            pypi.files.script = [LINK.when("*.whl")]
            done = download(environment, pypi)
            (widened, *more) = [one for one in happened(environment) if one["event"] == "widened"]

            assert_right(done, environment, held)
            assert 2 <= at_once(pypi.files, held) <= 4
            assert_not_twice(environment, held, pypi.files)
            assert our_lines(done.stderr + done.stdout) == [], "it is no trouble"
            assert widened["connections"] == 2
            assert widened["total"] == len(held.content)
            assert [one["connections"] for one in more] == [3, 4][: len(more)]

            asked = len(pypi.files.log)
            (environment.work / "out" / held.filename).unlink()
            plain = download(environment, pypi, armed=False)
            assert_right(plain, environment, held)
            assert len(pypi.files.log) == asked
            return took(pypi.files, held)

    assert shortest(once, 0.75 * ALONE) <= 0.75 * ALONE


def test_who_wants_one_connection_has_one(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    pypi.files.script = [LINK.when("*.whl")]
    done = download(newest, pypi, PIP_RESILIENT_CONNECTIONS="1")

    assert_right(done, newest, held)
    assert pypi.files.ranges(held.path) == [None]


@pytest.mark.parametrize("direct", [False, True], ids=["by-name", "by-url"])
def test_the_report_and_direct_url_are_those_of_one_connection(
    newest: Environment, pypi: PlayedPyPI, held: Distribution, direct: bool
) -> None:
    reports, records = [], []
    wanted = f"demo @ {held.url}" if direct else "demo"
    for armed in (True, False):
        run = newest.with_fresh_home()
        pypi.files.script = [LINK.when("*.whl")] if armed else []
        options = ("--no-deps", "--target", "site", "--report", "report.json")
        done = pypi.pip(run, "install", *options, wanted, armed=armed, by_options=False)
        assert done.returncode == 0, done.stderr
        report = json.loads((run.work / "report.json").read_text("utf-8"))
        reports.append(report["install"][0]["download_info"])
        found = (run.work / "site").glob("demo-1.0.dist-info/direct_url.json")
        records.append([path.read_text("utf-8") for path in found])

    assert ranged(pypi.files, held) >= 1
    assert reports[0] == reports[1]
    assert records[0] == records[1]
    assert len(records[0]) == direct


def test_a_link_capped_for_all_is_no_slower_for_our_asking(newest: Environment) -> None:
    def once(armed: bool) -> float:
        with scene(newest) as (environment, pypi, held):
            pypi.files.script = [HostThrottle(RATE).when("*.whl")]
            done = download(environment, pypi, armed=armed)

            assert_right(done, environment, held)
            assert_not_twice(environment, held, pypi.files)
            return took(pypi.files, held)

    bound = 1.1 * once(armed=False)
    assert shortest(lambda: once(armed=True), bound) <= bound


# --- A host that wants no second connection, or knows no ranges ---


NOT_THE_FIRST = range(2, 1000).__contains__
NO_MORE = Silence(after=WITHIN_A_PART)
"""The head tells that it is no part: what comes behind it, nobody reads."""
OTHER = OtherContent(wheel("demo", "1.0", size=SIZE, seed=1), '"other"')
REFUSALS: dict[str, Scripted] = {
    "503": Status(503).when("*.whl", ranged=True),
    "reset": Reset(part="headers").when("*.whl", ranged=True),
    "silent": Silence(part="headers").when("*.whl", ranged=True),
    "never-answers": NeverAnswer().when(connections=NOT_THE_FIRST),
    "range-ignored": throttled(RangeIgnored(), NO_MORE).when("*.whl", ranged=True),
    "range-refused": throttled(RangeRefused()).when("*.whl", ranged=True),
    "wrong-offset": throttled(WrongOffset(-1000), NO_MORE).when("*.whl", ranged=True),
    "other-version": throttled(OTHER, NO_MORE).when("*.whl", ranged=True),
}


@pytest.mark.parametrize("how", REFUSALS)
def test_a_host_that_gives_no_part_gives_the_whole(newest: Environment, how: str) -> None:
    """Over the connection that there was, which nothing happens to."""

    def once() -> float:
        with scene(newest) as (environment, pypi, held):
            pypi.files.script = [REFUSALS[how], LINK.when("*.whl")]
            done = download(environment, pypi)

            assert_right(done, environment, held)
            assert pypi.files.ranges(held.path).count(None) == 1
            assert ranged(pypi.files, held) <= 3
            assert pypi.files.bytes_sent(held.path) <= 1.05 * SIZE
            return took(pypi.files, held)

    assert shortest(once, 1.2 * ALONE) <= 1.2 * ALONE


def until_a_part_is_asked_for(pypi: PlayedPyPI, held: Distribution) -> Fault:
    """Return a link that leaves time for a second connection, however late pip comes to it."""
    return SlowUntil(RATE / 4, lambda: ranged(pypi.files, held) > 0, then=RATE)


@pytest.mark.parametrize(
    "lie",
    [WrongOffset(-1000, honest=False), FlippedBit(SIZE - 1000), replace(OTHER, etag=None)],
    ids=["wrong-offset", "flipped-bit", "other-version"],
)
def test_wrong_bytes_in_a_part_never_get_into_the_file(
    newest: Environment, pypi: PlayedPyPI, held: Distribution, lie: Fault
) -> None:
    """It is fetched once more, and then over one connection that asks for no part."""
    pypi.files.script = [
        throttled(lie).when("*.whl", ranged=True),
        until_a_part_is_asked_for(pypi, held).when("*.whl", first=1),
    ]
    done = download(newest, pypi)

    assert_right(done, newest, held)
    assert pypi.files.ranges(held.path).count(None) == 2
    assert pypi.files.ranges(held.path)[-1] is None
    assert_not_twice(newest, held, pypi.files, most=2.05)


@pytest.mark.parametrize("fault", [Status(503), FlippedBit(SIZE - 1000), Reset(MB // 2)])
def test_the_oldest_pip_gets_the_right_bytes_too(
    oldest: Environment, pypi: PlayedPyPI, held: Distribution, fault: Fault
) -> None:
    pypi.files.script = [throttled(fault).when("*.whl", ranged=True), LINK.when("*.whl")]
    done = download(oldest, pypi)

    assert_right(done, oldest, held)
    assert_not_twice(oldest, held, pypi.files, most=2.05)


# --- One of several breaks ---


@pytest.mark.parametrize(
    "breaks",
    [
        throttled(DropEvery(MB)).when("*.whl"),
        throttled(Reset(after=MB // 2)).when("*.whl", ranged=True, first=1),
        throttled(Fin(after=MB // 2)).when("*.whl", ranged=True, first=1),
        throttled(Silence(after=MB // 2)).when("*.whl", ranged=True, first=1),
    ],
    ids=["reset-every-MB", "reset", "cut", "silent"],
)
def test_one_that_breaks_costs_only_itself(newest: Environment, breaks: Scripted) -> None:
    def once() -> float:
        with scene(newest) as (environment, pypi, held):
            pypi.files.script = [breaks, LINK.when("*.whl")]
            done = download(environment, pypi)
            seen = pypi.files.requests(held.path)
            broken = sum(one.fault == "Together" and not one.complete for one in seen)

            assert_right(done, environment, held)
            assert_not_twice(environment, held, pypi.files)
            assert at_once(pypi.files, held) <= 4
            # Whom the machine stops seems silent too, and that costs a connection more.
            spent = took(pypi.files, held) / (1.1 * ALONE), len(seen) / max(8, broken + 4)
            return max(spent)

    assert shortest(once, 1.0) <= 1.0


def test_the_only_connection_falls_silent(oldest: Environment) -> None:
    """Its host is fine otherwise: somebody else would not notice the 5 s."""

    def once() -> float:
        with scene(oldest) as (environment, pypi, held):
            pypi.files.script = [
                throttled(Silence(after=SIZE // 2)).when("*.whl", first=1),
                LINK.when("*.whl"),
            ]
            done = download(environment, pypi, PIP_RESILIENT_CONNECTIONS="1")

            assert_right(done, environment, held)
            assert_not_twice(environment, held, pypi.files)
            return took(pypi.files, held)

    assert shortest(once, ALONE + 5.0) <= ALONE + 5.0


# --- A mirror that the user named, beside a slow host ---


def named(mirror: FaultServer) -> dict[str, str]:
    return {"PIP_RESILIENT_MIRRORS": f"files:{mirror.url}/simple/"}


def test_a_named_mirror_brings_what_a_slow_host_would_take_long_for(
    oldest_and_newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """Over one connection at a time, beside those of the host itself."""
    pypi.files.script = [HostThrottle(SLOW).when("*.whl")]
    mirror.script = [Throttle(4 * MB).when("*.whl")]
    done = download(oldest_and_newest, pypi, **named(mirror))

    assert_right(done, oldest_and_newest, held)
    assert pypi.files.bytes_sent(held.path) >= 2 * SLOW
    assert mirror.bytes_sent(held.path) >= SIZE // 2
    assert at_once(mirror, held) == 1
    assert all(asked is not None for asked in mirror.ranges(held.path))
    assert_not_twice(oldest_and_newest, held, pypi.files, mirror)
    assert took(pypi.files, held) <= 10.0
    told = [line for line in our_lines(done.stderr) if "asking mirror" in line]
    assert len(told) == 1, "for all the parts"


def test_a_declared_spare_helps_its_index(newest: Environment, held: Distribution) -> None:
    """ORIGIN=URL, for an index that is nobody's mirror."""
    with FaultServer() as origin, FaultServer() as spare:
        for server in (origin, spare):
            Index(server).add(held.name, held.filename, held.content, held.metadata)
        origin.script = [HostThrottle(SLOW).when("*.whl")]
        spare.script = [Throttle(4 * MB).when("*.whl")]
        index_url = f"{origin.url}/simple/"
        env = {"PIP_RESILIENT_MIRRORS": f"{index_url}={spare.url}/simple/"}
        done = newest.pip(*DOWNLOAD, "--index-url", index_url, env=env)

        assert_right(done, newest, held)
        assert origin.bytes_sent(held.path) >= 2 * SLOW
        assert spare.bytes_sent(held.path) >= SIZE // 2
        assert at_once(spare, held) == 1


def test_a_mirror_that_lies_in_its_part_is_found_out(
    newest: Environment, pypi: PlayedPyPI, mirror: FaultServer, held: Distribution
) -> None:
    """The bytes are right in the end, and come from whomever."""
    slow = HostThrottle(SLOW)
    pypi.files.script = [
        slow.when("*.whl", ranged=False, first=1),
        slow.when("*.whl", ranged=True),
    ]
    mirror.script = [FlippedBit(SIZE - SIZE // 4).when("*.whl")]
    done = download(newest, pypi, **named(mirror))

    assert_right(done, newest, held)
    assert mirror.bytes_sent(held.path) > 0


@pytest.mark.parametrize("how", ["dies", "has-not-got-it"])
def test_a_mirror_that_is_of_no_use_costs_nothing(
    newest: Environment,
    pypi: PlayedPyPI,
    mirror: FaultServer,
    held: Distribution,
    how: str,
) -> None:
    if how == "dies":
        mirror.script = [
            Reset(after=WITHIN_A_PART).when("*.whl", first=1),
            Status(503).when("*.whl"),
        ]
        enough = WITHIN_A_PART
    else:
        mirror.script = [Status(404).when("*.whl")]
        enough = 1
    slow = SlowUntil(SLOW, lambda: mirror.bytes_sent(held.path) >= enough)
    pypi.files.script = [slow.when("*.whl")]
    done = download(newest, pypi, **named(mirror))

    assert_right(done, newest, held)
    assert mirror.bytes_sent(held.path) >= enough
    assert 1 <= len(mirror.requests(held.path)) <= 2
    assert_not_twice(newest, held, pypi.files, mirror, most=1.1)


def test_an_unnamed_mirror_is_not_asked_while_the_host_is_merely_slow(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """200 kB/s are what many lines give."""
    mirrors = [
        pypi.mirror("mirrors.aliyun.com", "/pypi"),
        pypi.mirror("pypi.tuna.tsinghua.edu.cn"),
    ]
    ends = time.monotonic() + 60.0

    def after_a_while() -> bool:
        seen = pypi.files.requests(held.path)
        return time.monotonic() > min([ends, *(one.at + 6.0 for one in seen)])

    pypi.files.script = [SlowUntil(200_000, after_a_while).when("*.whl")]
    done = download(newest, pypi)

    assert_right(done, newest, held)
    assert [seen.target for one in mirrors for seen in one.server.log] == []
    assert took(pypi.files, held) >= 6.0


def test_a_public_mirror_as_the_own_index_gets_one_connection(
    newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """It is asked by many."""
    own = pypi.mirror("mirrors.aliyun.com", "/pypi")
    own.server.script = [LINK.when("*.whl")]
    done = download(newest, pypi, "--index-url", own.index.url)

    assert_right(done, newest, held)
    assert [seen.range for seen in own.server.log if seen.path.endswith(".whl")] == [None]
    assert own.server.connections == 1
    assert pypi.files.log == pypi.pages.log == []


# --- What is no file ---


def test_a_page_and_metadata_have_one_connection_each(newest: Environment) -> None:
    with played_pypi(PageForm(ranges=True, ballast=3 * MB)) as pypi:
        beside = metadata("demo", "1.0") + b"x" * 4 * MB
        content = wheel("demo", "1.0")
        held = pypi.index.add("demo", wheel_name("demo", "1.0"), content, beside)
        page = pypi.index.page_path("demo")
        pypi.pages.script = pypi.files.script = [Throttle(1.5 * MB)]
        done = download(newest, pypi)

        assert_right(done, newest, held)
        assert pypi.pages.ranges(page) == [None]
        assert pypi.files.ranges(f"{held.path}.metadata") == [None]


# --- Ctrl-C, a full disk, two at once, a build ---


@pytest.mark.parametrize("cache", ["--cache-dir=cache", "--no-cache-dir"])
def test_ctrl_c_ends_it_as_it_ends_plain_pip(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution, cache: str
) -> None:
    ends = []
    pypi.files.script = [Throttle(RATE / 4).when("*.whl")]

    def once(armed: bool, at_least: int) -> float:
        before = len(pypi.files.requests(held.path))
        run = oldest_and_newest.with_fresh_home()
        command = ("python", "-m", "pip", *DOWNLOAD, cache)
        with run.started(*command, armed=armed, env=pypi.environ(run)) as process:
            pypi.files.wait_until(
                lambda server: (
                    sum(one.body_bytes > MB // 4 for one in server.requests(held.path)[before:])
                    >= at_least
                ),
                timeout=30,
            )
            os.kill(process.pid, signal.SIGINT)
            began = time.monotonic()
            _, err = process.communicate(timeout=20)
            seconds = time.monotonic() - began
        said = [line for line in err.decode().splitlines() if "Operation cancelled" in line]
        ends.append((process.returncode, said, err.decode().splitlines()[-1:]))
        assert list((run.home / "tmp").iterdir()) == []
        assert not (run.work / "out" / held.filename).exists()
        return seconds

    assert shortest(lambda: once(armed=False, at_least=1), 1.0) <= 1.0
    assert shortest(lambda: once(armed=True, at_least=3), 1.0) <= 1.0
    assert ends[1:] == ends[:-1], "each like the one before it"


def test_a_disk_too_small_for_what_waits_there_costs_only_time(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    """Its room is for pip's own copy and little more."""
    run = oldest_and_newest
    inside = or_skip(small_disk(str(run.home / "tmp"), "9m"))
    pypi.files.script = [LINK.when("*.whl")]
    env = {**pypi.environ(run), "PIP_NO_CACHE_DIR": "1"}
    command = (str(run.executable), "-m", "pip", *DOWNLOAD)
    done = run.run(*inside, *command, armed=True, env=env)

    assert_right(done, run, held)
    assert pypi.files.ranges(held.path) == [None]


def test_two_at_once_on_one_cache_do_each_other_no_harm(
    oldest_and_newest: Environment, pypi: PlayedPyPI, held: Distribution
) -> None:
    run = oldest_and_newest
    pypi.files.script = [LINK.when("*.whl")]
    command = ("python", "-m", "pip", *DOWNLOAD)
    with contextlib.ExitStack() as open_now:
        both = [
            open_now.enter_context(run.started(*command, "--dest", name, env=pypi.environ(run)))
            for name in ("one", "two")
        ]
        said = [process.communicate(timeout=60)[1].decode() for process in both]

    assert [process.returncode for process in both] == [0, 0], said
    for name in ("one", "two"):
        assert (run.work / name / held.filename).read_bytes() == held.content
    assert list((run.pip_cache / "pip-resilient" / "partials").iterdir()) == []


def test_what_a_build_needs_comes_by_several_too(newest: Environment) -> None:
    """pip fetches it in a process of its own."""

    def once() -> float:
        with played_pypi() as pypi:
            environment = newest.with_fresh_home()
            backend = pypi.index.add_backend(size=SIZE)
            pypi.index.add_sdist("built", "1.0")
            pypi.files.script = [LINK.when("*.whl")]
            command = ("wheel", "--no-deps", "--wheel-dir", "out", "built")
            done = pypi.pip(environment, *command, by_options=False)

            assert done.returncode == 0, done.stderr
            assert (environment.work / "out" / wheel_name("built", "1.0")).exists()
            assert 2 <= at_once(pypi.files, backend) <= 4
            return took(pypi.files, backend)

    assert shortest(once, 0.75 * ALONE) <= 0.75 * ALONE
