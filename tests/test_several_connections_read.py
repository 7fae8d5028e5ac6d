"""Do pip and its cache see one plain body, however they read it and whatever brings it?

Beside that: what the limits of a request mean while several connections bring
its body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.events import GaveUp, Retried, SecondConnection
from pip_resilient.policy import silence as silence_module
from pip_resilient.policy.failure import Kind
from pip_resilient.policy.patience import Limits
from tests.faults import (
    Authority,
    DropEvery,
    Fault,
    FaultServer,
    RangeIgnored,
    Reset,
    Silence,
    Throttle,
    Together,
    Trickle,
)
from tests.pip_in_process import QUICK, clean_errors, hooked_pip
from tests.several_connections import (
    CONTENT,
    RATE,
    TICK,
    early_growth,
    in_turn,
    leave,
    nothing_left,
    playing,
    reading,
)
from tests.unfinished import sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pip_in_process import HookedPip

SIZE = 600_000
BODY = CONTENT[:SIZE]
PATH = "/demo-1.0.whl"
BAD_LINK = [Fault(), Reset(30_000), Silence(5000)]

WAYS: dict[str, Callable[[Any], bytes]] = {
    "10 KiB": lambda raw: b"".join(iter(lambda: raw.read(10_240, decode_content=False), b"")),
    "256 KiB": lambda raw: b"".join(iter(lambda: raw.read(262_144, decode_content=False), b"")),
    "one byte, then all": lambda raw: raw.read(1) + raw.read(),
    "all": lambda raw: bytes(raw.read(decode_content=False)),
    "stream": lambda raw: b"".join(raw.stream(8192, decode_content=False)),
    "read1": lambda raw: b"".join(iter(lambda: raw.read1(10_240), b"")),
    "read1 of any size": lambda raw: b"".join(iter(raw.read1, b"")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("known", [0, 250_000])
def test_one_body_comes_however_it_is_read(tmp_path: Path, way: str, known: int) -> None:
    """urllib3 knows how much is to come, and that no byte too few came."""
    if known:
        leave(str(tmp_path), SIZE, [(0, known), (400_000, 450_000)])
    with playing(in_turn(BAD_LINK), str(tmp_path)) as (server, pip):
        with reading(pip, server.put(PATH, BODY), sha256(BODY)) as response:
            raw = response.raw
            if way.startswith("read1") and not hasattr(raw, "read1"):
                pytest.skip("urllib3 1.26")
            assert raw.length_remaining == SIZE
            got = WAYS[way](raw)
            assert (raw.length_remaining, raw.read(10)) == (0, b"")

        assert got == BODY
        assert len(server.log) > 3


# pip's cache.


def _cached(
    folder: Path, authority: Authority, script: list[Any], state: Path | None, **options: Any
) -> dict[str, bytes]:
    """Download through pip's cache, and return what is in it then, by file name."""
    verify = authority.write_to(folder / "ca.pem")
    headers = {"Cache-Control": "max-age=1000", "Date": "Thu, 01 Jan 2099 00:00:00 GMT"}
    cache = str(folder / "cache")
    with FaultServer(tls=authority, script=script) as server, early_growth(), hooked_pip() as pip:
        pip.run.state_dir = None if state is None else str(state)
        url = server.put(PATH, BODY, headers=headers, **options)
        with reading(pip, url, sha256(BODY), cache=cache, verify=verify) as response:
            got = b"".join(response.raw.stream(262_144, decode_content=False))
        assert got == BODY
        assert pip.surprises == []
    found = (path for path in (folder / "cache").rglob("*") if path.is_file())
    return {path.suffix: path.read_bytes() for path in found}


def test_what_stands_in_pip_s_cache_is_what_a_clean_download_leaves(tmp_path: Path) -> None:
    """Its headers included: those of a part would say something else."""
    authority = Authority()
    found = {}
    for name, script, known in (
        ("clean", [], False),
        ("several", in_turn(BAD_LINK), False),
        ("taken up", in_turn([]), True),
        ("taken up in vain", in_turn([RangeIgnored()]), True),
        ("taken up in chunks", in_turn([]), True),
    ):
        folder, state = tmp_path / name, tmp_path / name / "state"
        state.mkdir(parents=True)
        if known:
            leave(str(state), SIZE, [(0, 250_000), (400_000, 450_000)])
        framing = {"chunked": True} if name == "taken up in chunks" else {}
        found[name] = _cached(folder, authority, script, state, **framing)
    clean = found.pop("clean")
    chunked = found.pop("taken up in chunks")

    assert clean
    for name, files in found.items():
        assert files == clean, name
    assert any(BODY in data for data in chunked.values())


# Whoever reads slowly, or not to the end.


def read_slowly(response: Any, pip: HookedPip, pause: float) -> bytes:
    """Read all of a body, with virtual seconds between two reads."""
    got = b""
    while data := response.raw.read(50_000):
        got += data
        pip.clock.sleep(pause)
    return got


def test_a_slow_reader_is_nobody_s_silence() -> None:
    """pip unpacks, or the user looks at something else: no connection is to blame."""
    with playing([], settings=QUICK._replace(read_timeout=60.0)) as (server, pip):
        with reading(pip, server.put(PATH, BODY), sha256(BODY)) as response:
            got = read_slowly(response, pip, 2.0)

        assert got == BODY
        assert len(server.log) == 1


def test_a_slow_reader_of_several_connections_loses_none() -> None:
    with playing(in_turn([])) as (server, pip):
        with reading(pip, server.put(PATH, BODY), sha256(BODY)) as response:
            got = read_slowly(response, pip, 100.0)

        assert got == BODY
        assert not any(isinstance(one, (GaveUp, SecondConnection)) for one in pip.run.happened)


@pytest.mark.parametrize("at", [0, 60_000, SIZE - 1, SIZE])
@pytest.mark.parametrize("faults", [[], BAD_LINK, [Fault(), *[Silence(0, "headers")] * 5]])
def test_a_reader_that_stops_leaves_nothing_open(
    tmp_path: Path, at: int, faults: list[Fault]
) -> None:
    with nothing_left():
        _stop_at(at, in_turn(faults), str(tmp_path))


def _stop_at(at: int, script: list[Any], state: str) -> None:
    with playing(script, state) as (server, pip):
        with reading(pip, server.put(PATH, BODY), sha256(BODY)) as response:
            got = b""
            while len(got) < at:
                got += response.raw.read(min(20_000, at - len(got)))
        assert got == BODY[:at]


# Limits.


def _ends(pip: HookedPip, server: FaultServer, content: bytes = BODY) -> str:
    try:
        pip.download(server.put(PATH, content), sha256(content))
    except clean_errors() as error:
        return str(error)
    raise AssertionError("it came to its end")


def test_a_deadline_in_the_midst_ends_all_connections() -> None:
    """They would go on for as long as they bring something."""
    slow = Throttle(RATE / 100, TICK)
    with nothing_left():
        _meet_a_deadline([slow])


def _meet_a_deadline(script: list[Any]) -> None:
    with FaultServer(script=script) as server, early_growth(), hooked_pip() as first:
        deadline = first.clock.now() + 2.0
        first.run.limits = first.run.limits._replace(deadline_at=deadline)
        said = _ends(first, server)

        assert "did not come back" in said
        assert first.clock.now() - deadline < 5.0
        assert first.surprises == []
        assert len(server.log) > 1
        assert [one.why for one in first.run.happened if isinstance(one, GaveUp)] == ["deadline"]


def test_a_body_that_crawls_on_all_connections_is_asked_for_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes come now and then, so it is never silent, and each one costs patience."""
    monkeypatch.setattr(silence_module, "is_crawl", lambda gained, took: gained < RATE / 2 * took)
    patient = QUICK._replace(read_timeout=60.0)
    with playing([], limits=Limits(patience=0.3), settings=patient) as (server, pip):
        server.script = [Trickle(1000, 0.02).when(matching=lambda _: _retried(pip) == [])]
        got = pip.download(server.put(PATH, BODY), sha256(BODY))

        assert got == BODY
        asked = _retried(pip)
        assert {one.failure.kind for one in asked} == {Kind.CRAWL}
        assert asked[0].offset


@pytest.mark.parametrize("fault", [Reset(4), Silence(4), Trickle(1, 0.4)], ids=str)
def test_a_few_bytes_now_and_then_do_not_go_on_for_ever(fault: Fault) -> None:
    """A broken or malicious host would hold a run for days."""
    with playing([fault], limits=Limits(patience=1.0)) as (server, pip):
        began = pip.clock.now()
        said = _ends(pip, server)

        assert "did not come back" in said
        assert pip.clock.now() - began < 10.0
        assert [one.why for one in pip.run.happened if isinstance(one, GaveUp)] == ["patience"]


def _retried(pip: HookedPip) -> list[Retried]:
    return [one for one in pip.run.happened if isinstance(one, Retried)]


def test_patience_is_not_spent_while_any_connection_brings_bytes() -> None:
    """The first one is silent, and breaks again and again; others go on behind it."""
    slow = Throttle(RATE / 2, TICK)
    script = [
        Together((DropEvery(30_000), slow)).when(requests=lambda number: number % 2 == 0),
        slow,
    ]
    with playing(script, limits=Limits(patience=0.5)) as (server, pip):
        got = pip.download(server.put(PATH, CONTENT[:1_000_000]), sha256(CONTENT[:1_000_000]))

        assert got == CONTENT[:1_000_000]
        assert pip.run.patience_of(f"127.0.0.1:{server.port}", pip.run.limits).spent < 0.5
