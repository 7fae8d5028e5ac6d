"""Would the soak notice?

The rule: what it looks for is shown to it here, once each; that nothing of it
happens is seen in `tests/end_to_end/test_soak.py`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.packages import PageForm
from tests.soak import soaking
from tests.soak.acts import Act, Command, drawn_acts
from tests.soak.judge import judged
from tests.soak.running import Done
from tests.soak.scenes import Verdict
from tests.soak.tally import Tally
from tests.soak.troubles import must_succeed
from tests.soak.worlds import OpenWorld, Release, World, drawn_world, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORLD = World(
    kind="http",
    releases=(Release("soak-0", "1.0", 3_000, ("soak-1",)), Release("soak-1", "1.0", 2_000)),
    algorithm="sha256",
    form=PageForm(),
    core_metadata=True,
    files="strong",
    two_hosts=False,
    mirrors=0,
    for_files=False,
)
COMMAND = Command("download", ("soak-0",), "words", "sha256", deps=True, cache=True)
ACT = Act((COMMAND,), (), (), must_succeed=True)


@pytest.fixture
def world() -> Iterator[OpenWorld]:
    with opened(WORLD, SimpleNamespace()) as world:  # type: ignore[arg-type]
        yield world


@pytest.fixture
def good(world: OpenWorld, tmp_path: Path) -> Done:
    """What a pip leaves that has done all it should."""
    (tmp_path / "out").mkdir()
    for release in WORLD.releases:
        made = world.file(release)
        (tmp_path / "out" / made.filename).write_bytes(made.content)
    place = SimpleNamespace(pip_cache=tmp_path / "cache")
    environment: Any = place
    return Done(COMMAND, ["pip"], 0, "", "", tmp_path, environment, "none", probes={"1": []})


def test_what_is_right_is_praised(world: OpenWorld, good: Done) -> None:
    assert judged(ACT, world, [good]) == []


def test_a_wrong_byte_is_seen(world: OpenWorld, good: Done) -> None:
    path = good.work / "out" / "soak_1-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    (problem,) = judged(ACT, world, [good])

    assert "WRONG BYTES in soak_1" in problem


def test_a_missing_file_is_seen(world: OpenWorld, good: Done) -> None:
    (good.work / "out" / "soak_1-1.0-py3-none-any.whl").unlink()
    (problem,) = judged(ACT, world, [good])

    assert "soak_1" in problem


@pytest.mark.parametrize(
    "cause",
    [
        "this was a network failure, not a missing package: h: HTTP status 503",
        "part of this was not answered, so it may be incomplete: h: HTTP status 503",
    ],
)
def test_older_versions_pass_only_with_the_cause_told(
    world: OpenWorld, good: Done, cause: str
) -> None:
    """A pip takes them where a page does not come, or 20.3 where a build fails, and exits 0."""
    (good.work / "out" / "soak_1-1.0-py3-none-any.whl").unlink()
    told, lost = f"WARNING: pip-resilient: {cause}\n", Act((COMMAND,), (), ())
    for act, stderr, passes in [(lost, told, True), (lost, "", False), (ACT, told, False)]:
        good.stderr = stderr
        assert (judged(act, world, [good]) == []) is passes


@pytest.mark.parametrize(
    ("field", "value", "seen"),
    [
        ("code", 1, "exit code 1, though"),
        ("ended", "late", "still running after"),
        ("processes", ["77: python"], "still running: ['77"),
        ("probes", {"1": ["thread pip-resilient-1"]}, "left in process 1: ['thread"),
        ("probes", {"1": ["socket:[1]"]}, "left in process 1: ['socket"),
        ("probes", {}, "no probe"),
        ("temporary", ["pip-unpack-x"], "left in TMPDIR"),
        ("temporary", ["tmp_0abcxyz (empty)"], "left in TMPDIR"),
        ("stdout", "WARNING: pip-resilient: healed", "on standard output"),
        ("stderr", "Traceback (most recent call last):\n  x\nKeyError: 1", "a traceback"),
        ("stderr", "pip-resilient: standing aside, pip runs without it", "stood aside"),
    ],
)
def test_what_else_is_wrong_is_seen(
    world: OpenWorld, good: Done, field: str, value: Any, seen: str
) -> None:
    setattr(good, field, value)
    if field == "code":
        good.stderr = "ERROR: no"

    assert any(seen in problem for problem in judged(ACT, world, [good]))


def test_only_what_pip_was_copying_may_be_half_there_after_ctrl_c(
    world: OpenWorld, good: Done
) -> None:
    """It copies to the name that the file shall have, and says so when it has."""
    good.ended, good.code, good.stderr = "interrupt", 1, "ERROR: Operation cancelled by user\n"
    path, act = good.work / "out" / "soak_1-1.0-py3-none-any.whl", Act((COMMAND,), (), ())
    half = path.read_bytes()[: path.stat().st_size // 2]
    saved = f"Saved ./out/{path.name}\n"
    for content, stdout, passes in [(half, "", True), (half, saved, False), (b"!", "", False)]:
        path.write_bytes(content)
        good.stdout = stdout
        assert (judged(act, world, [good]) == []) is passes


def test_only_an_empty_file_may_stay_after_ctrl_c(world: OpenWorld, good: Done) -> None:
    good.ended, good.code, good.stderr = "interrupt", 1, "ERROR: Operation cancelled by user\n"
    act = Act((COMMAND,), (), ())
    good.temporary = ["tmp_0abcxyz (empty)", "pip-build-env-_0abcxyz (empty)"]
    assert judged(act, world, [good]) == []
    for name in ("tmp_0abcxyz", "pip-unpack-_0abcxyz", "pip-resilient-_0abcxyz (empty)"):
        good.temporary = [name]
        assert any("left in TMPDIR" in problem for problem in judged(act, world, [good]))


SHOWN = "ERROR: Exception:\nTraceback (most recent call last):\n  in pip_resilient/hook.py\n"
BUILD = "  error: subprocess-exited-with-error\n      Traceback (most recent call last):\n"


@pytest.mark.parametrize(
    ("code", "ended", "stderr", "excuse"),
    [
        (
            2,
            "none",
            SHOWN + "pip._vendor.requests.exceptions.ConnectionError: reset\n"
            "WARNING: pip-resilient: this was a network failure\n",
            "pip._vendor.requests.exceptions.",
        ),
        (-signal.SIGINT, "interrupt", SHOWN + "OSError: [Errno 28] No space\n", "[Errno 28]"),
        (1, "none", BUILD + "      OSError: [Errno 28] No space\nerror: failed\n", "[Errno 28]"),
    ],
    ids=["of its own stack", "and Ctrl-C meanwhile", "of a backend without room in pip's cache"],
)
def test_pip_may_end_with_an_exception(
    world: OpenWorld, good: Done, code: int, ended: str, stderr: str, excuse: str
) -> None:
    """Those that it ends with unarmed too, and no other."""
    good.code, good.ended, good.stderr = code, ended, stderr
    act = Act((COMMAND,), (), ())

    assert judged(act, world, [good]) == []
    good.stderr = stderr.replace(excuse, "")
    assert judged(act, world, [good]) != []


LATER = 5_000
"""A scene at which all workers are at work; these ones take no time."""


def _breaks() -> None:
    raise RuntimeError


def _presses_ctrl_c() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.mark.parametrize(
    ("deed", "error"),
    [
        (_breaks, RuntimeError),
        pytest.param(
            _presses_ctrl_c,
            KeyboardInterrupt,
            marks=pytest.mark.skipif(os.name == "nt", reason="Windows signals no single thread"),
        ),
    ],
)
def test_whatever_ends_it_ends_all_of_it(
    monkeypatch: pytest.MonkeyPatch, deed: Callable[[], None], error: type[BaseException]
) -> None:
    """Else Ctrl-C would wait for the rest of the hour."""

    def play(seed: int, number: int, environments: object) -> Verdict:
        if number == LATER:
            deed()
        return Verdict(number, Tally())

    monkeypatch.setattr(soaking, "play_scene", play)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    try:
        with pytest.raises(error):
            soaking.soak(1, 600.0, [], parallel=2, say=lambda line: None)
    finally:
        signal.signal(signal.SIGINT, usual)

    assert time.monotonic() - began < 300.0


def test_the_seed_says_all() -> None:
    """Two draws are the same; two numbers are not."""

    def drawn(number: int) -> str:
        chance = Random(f"1 {number}")
        world = drawn_world(chance)
        return f"{world} {[str(act) for act in drawn_acts(chance, world, small_disk=True)]}"

    assert drawn(1) == drawn(1)
    assert len({drawn(number) for number in range(20)}) == 20


def test_nobody_has_to_come_through_what_lasts() -> None:
    """But many have to."""
    through = 0
    for number in range(200):
        chance = Random(f"2 {number}")
        world = drawn_world(chance)
        for act in drawn_acts(chance, world, small_disk=True):
            through += act.must_succeed
            spares = [name for name in world.servers if name.startswith("mirror")]
            lasting = [one for one in act.troubles if not one.heals and one.server not in spares]
            assert not (act.must_succeed and act.disk)
            assert spares or not (act.must_succeed and lasting)
            troubled = {one.server for one in act.troubles}
            assert not act.must_succeed or must_succeed(world, list(act.troubles), troubled)
    assert through > 50
