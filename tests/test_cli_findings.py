"""Do the same measurements always name the same cause, in the words of the last line?"""

from __future__ import annotations

import importlib
import os
from datetime import datetime, timezone
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.certificates import Certificate
from pip_resilient.cli import checks, fixes
from pip_resilient.cli.findings import Finding, ago, findings, seconds_of_stamp
from pip_resilient.cli.measured import Address, Answer, Fetched, Index, Measured, Room
from pip_resilient.cli.pip_config import BUILT_IN, DEFAULT, PipConfig, Source, Value
from pip_resilient.diagnosis import last_line
from pip_resilient.events import GaveUp
from pip_resilient.mirrors.simple_pages import Page
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_700_000_000.0
URL = "https://index.invalid/simple/"
VARIABLE = Source("environment", "PIP_INDEX_URL")
FILE = Source("file", "global.proxy", "/etc/pip.conf", "global")
ENVIRON_PROXY = Source("environment", "HTTPS_PROXY")
CONFIG = PipConfig({}, "26.3", URL, "pip/26.3")
SOUND = Address("192.0.2.1", "IPv4", 0.01, 0.02)


def answer(status: int = 200, **more: Any) -> Answer:
    headers = {"date": formatdate(NOW, usegmt=True), **more.pop("headers", {})}
    return Answer(URL, status, headers, b"x", 0.1, **more)


def index(**more: Any) -> Index:
    healthy = Index(
        URL, VARIABLE, addresses=(SOUND,), pages=(("192.0.2.1", answer()),), page=Page(())
    )
    return healthy._replace(**more)


def found(
    *indexes: Index, rooms: tuple[Room, ...] = (), config: PipConfig = CONFIG
) -> list[Finding]:
    return findings(Measured(config, indexes, rooms, NOW, 1.0))


def causes(*indexes: Index, **more: Any) -> list[str]:
    return [one.cause for one in found(*indexes, **more) if one.grave]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert found(index()) == []


@pytest.mark.parametrize("proxy", [None, "127.0.0.1:7890"])
@pytest.mark.parametrize("kind", Kind)
def test_doctor_and_last_line_say_the_same(kind: Kind, proxy: str | None) -> None:
    """Who has read the one must recognise the other."""
    failure = Failure(kind, proxy=proxy)
    (one,) = found(
        index(addresses=failure, proxy=proxy, proxy_source=ENVIRON_PROXY, source=DEFAULT)
    )
    gave_up = GaveUp(1.0, "index.invalid", URL, failure, 1, 0.0, "patience")
    proxies = {"HTTPS_PROXY in the environment": "http://127.0.0.1:7890"}
    line = last_line([gave_up], False, lambda scheme: proxies)

    assert one.cause == kind.name.lower()
    assert one.said in str(line).replace(" (1 attempt)", "")
    assert failure.said in one.said
    assert str(line).endswith(f"Try: {one.advice}")


def test_one_cause_is_told_once() -> None:
    """A dead proxy stands before every index."""
    dead = Failure(Kind.REFUSED, proxy="127.0.0.1:7890")
    other = index(url="https://other.invalid/simple/")
    both = [
        one._replace(addresses=dead, proxy=dead.proxy, proxy_source=FILE)
        for one in (index(), other)
    ]

    assert causes(*both) == ["refused"]


def test_two_broken_indexes_are_both_told() -> None:
    """Who has mended the one would else find the other tomorrow."""
    other = index(url="https://other.invalid/simple/", source=FILE)
    for kind in (Kind.REFUSED, Kind.DNS_UNKNOWN, Kind.PROXY_FORBIDS, Kind.CERTIFICATE):
        both = [one._replace(addresses=Failure(kind)) for one in (index(), other)]
        told = found(*both)

        assert [one.place for one in told] == ["index.invalid", "other.invalid"]
        assert [one.set_by for one in told] == [VARIABLE.said, FILE.said]


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.DNS_TEMPORARY, Kind.CA_PATH])
def test_what_is_this_machines_is_told_once(kind: Kind) -> None:
    """It is the same for every host."""
    other = index(url="https://other.invalid/simple/", source=FILE)

    assert len(causes(*(one._replace(addresses=Failure(kind)) for one in (index(), other)))) == 1


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        (Address("192.0.2.1", "IPv4", 0.1, None, Failure(Kind.SILENT)), "tls_silence"),
        (Address("192.0.2.1", "IPv4", None, None, Failure(Kind.UNREACHABLE)), "unreachable"),
        (Address("192.0.2.1", "IPv4", 0.1, None, Failure(Kind.EXPIRED)), "expired"),
    ],
)
def test_the_step_that_fails_is_the_cause(address: Address, cause: str) -> None:
    assert causes(index(addresses=(address,), pages=())) == [cause]


@pytest.mark.parametrize(
    ("off", "cause"), [(0, "expired"), (299, "expired"), (-86400, "clock"), (86400, "clock")]
)
def test_only_the_servers_clock_tells_which_of_the_two_is_wrong(off: float, cause: str) -> None:
    address = Address(
        "192.0.2.1",
        *("IPv4", 0.1, None, Failure(Kind.EXPIRED)),
        Certificate("CA", ("index.invalid",), 0, NOW - 10),
        formatdate(NOW + off, usegmt=True),
    )

    assert causes(index(addresses=(address,), pages=())) == [cause]


@pytest.mark.parametrize(
    ("kind", "grave"),
    [(Kind.UNREACHABLE, False), (Kind.REFUSED, False), (Kind.CONNECT_TIMEOUT, True)],
)
def test_a_family_that_fails_at_once_costs_nothing(kind: Kind, grave: bool) -> None:
    """Half of all machines have no IPv6, and are fine."""
    bad = Address("2001:db8::1", "IPv6", None, None, Failure(kind))
    (one,) = found(index(addresses=(bad, SOUND)))

    assert (one.cause, one.grave) == ("one_family", grave)


def test_what_is_wrong_here_comes_before_what_is_wrong_there() -> None:
    """It fails for every host, and is the only thing that can be put right at once."""
    dead = index(addresses=Failure(Kind.REFUSED), pages=())
    other = index(url="https://other.invalid/simple/", addresses=Failure(Kind.CA_PATH), pages=())

    assert causes(dead, other) == ["ca_path", "refused"]


def test_mirrors_are_never_grave() -> None:
    """Nobody needs them but when the index fails."""
    assert causes(index(mirror=True, addresses=Failure(Kind.DNS_UNKNOWN))) == []
    assert causes(index(), index(mirror=True, page=Page((), 5))) == []


@pytest.mark.parametrize("kind", [Kind.DNS_UNKNOWN, Kind.CRAWL, Kind.REFUSED])
def test_about_a_mirror_nobody_is_sent_to_the_index_url(kind: Kind) -> None:
    """There it does not stand."""
    (one,) = found(index(mirror=True, source=BUILT_IN, addresses=Failure(kind)))

    assert "pip-resilient mirrors --set" in one.advice
    assert (one.set_by, one.fix) == ("", ())
    assert BUILT_IN.said == "built in"


def test_the_first_index_is_what_the_verdict_is_about() -> None:
    notes_last = found(
        index(addresses=(Address("::1", "IPv6", None, None, Failure(Kind.REFUSED)), SOUND)),
        index(url="https://b.invalid/", pages=(("", answer(404)),)),
    )

    assert [one.cause for one in notes_last] == ["no_index", "one_family"]


@pytest.mark.parametrize(
    ("body", "seconds", "slow"), [(10_000, 2.5, True), (10_000, 0.1, False), (900_000, 1.0, False)]
)
def test_a_speed_is_judged_where_enough_came(body: int, seconds: float, slow: bool) -> None:
    """A small file that came at once says nothing of the line."""
    large = Answer(URL, 200, {}, bytes(body), 0.1, seconds)
    got = index(fetched=Fetched(URL, answer(), None, large))

    assert (causes(got) == ["slow"]) is slow


@pytest.mark.parametrize(("days", "cause"), [(0.5, []), (2, ["stale"])])
def test_a_mirror_is_held_against_its_own_clock(days: float, cause: list[str]) -> None:
    written = datetime.fromtimestamp(NOW - days * 86400, timezone.utc).strftime("%Y%m%dT%H:%M:%S")

    assert seconds_of_stamp("20231341T99:00:00") is None
    assert seconds_of_stamp(written) == NOW - days * 86400
    assert causes(index(last_modified=written)) == cause


def test_little_room_is_grave_but_for_the_cache() -> None:
    temporary = Room("temporary files", "/tmp", 5_000_000)
    cache = Room("pip's cache", "/c", 5_000_000)

    assert causes(index(), rooms=(temporary,)) == ["room"]
    assert causes(index(), rooms=(cache,)) == []


@pytest.mark.parametrize(
    ("use", "advice", "fix"),
    [
        ("temporary files", "free some space, or set TMPDIR to a larger disk", 1),
        ("pip's cache", "free some space, or set PIP_CACHE_DIR to a larger disk", 0),
        ("packages", "free some space there", 0),
    ],
)
def test_what_helps_where_there_is_little_room(use: str, advice: str, fix: int) -> None:
    """Packages go where the environment is, whatever TMPDIR says."""
    (one,) = found(index(), rooms=(Room(use, "/small", 5_000_000),))

    assert one.advice == advice
    assert len(one.fix) == fix


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        (ENVIRON_PROXY, ("unset HTTPS_PROXY",)),
        (FILE, ("python -m pip config --global unset global.proxy",)),
        (FILE._replace(level="env"), ("# remove global.proxy from /etc/pip.conf",)),
        (DEFAULT, ()),
        (Source("system"), ()),
    ],
)
def test_the_fix_undoes_it_where_it_was_set(source: Source, lines: tuple[str, ...]) -> None:
    assert fixes.of_failure(Failure(Kind.REFUSED, proxy="p:1"), source) == lines


@pytest.mark.parametrize(
    ("value", "fix"), [(None, fixes.ARM), ("0", fixes.ARM), ("1", ()), (" On ", ())]
)
def test_who_has_switched_it_on_is_not_told_to(value: str | None, fix: tuple[str, ...]) -> None:
    """It has done what it can, and that is what was not enough."""
    source = Source("environment", "PIP_RESILIENT")
    values = {} if value is None else {"PIP_RESILIENT": Value("PIP_RESILIENT", value, source)}
    lost = index(addresses=Failure(Kind.RESET), pages=())

    assert [one.fix for one in found(lost, config=CONFIG._replace(values=values))] == [fix]


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read `fixes` anew, as on Windows, and then as it was."""
    with monkeypatch.context() as patched:
        patched.setattr(os, "name", "nt")
        importlib.reload(fixes)
    yield
    importlib.reload(fixes)


@pytest.mark.usefixtures("on_windows")
def test_on_windows_every_fix_is_one_for_its_own_shell() -> None:
    env = FILE._replace(level="env")
    lines = [
        *(fixes.of_failure(Failure(kind, proxy="p:1"), VARIABLE) for kind in Kind),
        *(fixes.of_failure(Failure(kind), None) for kind in Kind),
        *(fixes.of_cause(cause, env) for cause in fixes._OF_CAUSE),
        fixes.unset(env),
        fixes.set_to(env, "x"),
    ]
    words = {one.split(" ")[0] for line in lines for one in line}

    assert words == {"set", "rem", "w32tm", "netsh", "python"}
    assert fixes.unset(VARIABLE) == ("set PIP_INDEX_URL=",)
    assert fixes.set_to(VARIABLE, "x") == ("set PIP_INDEX_URL=x",)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("source", [None, DEFAULT, VARIABLE, FILE])
def test_no_fix_lowers_security(kind: Kind, source: Source | None) -> None:
    """Whatever is pasted from here will be pasted for years."""
    for proxy in (None, "p:1"):
        text = " ".join(fixes.of_failure(Failure(kind, proxy=proxy), source))

        assert "trusted-host" not in text
        assert "verify" not in text


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        ("20.3.4", "retries after a 502, this system's CA certificates, resume, retries after a 4"),
        ("25.1", "resume without --resume-retries, retries after a 429"),
        ("26.3", "resume in the next run, retries after a 429 or 504, other sources"),
    ],
)
def test_what_a_pip_lacks_is_told_once(version: str, lacks: str) -> None:
    config = CONFIG._replace(version=version)
    rows = checks.checks(Measured(config, (), (), NOW, 0.0))

    assert rows[-1].said.startswith(f"{version}; it lacks {lacks}")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "less than a second"), (1, "1 second"), (7300, "2 hours"), (90_000_000, "1041 days")],
)
def test_spans_are_told_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert ago(seconds) == said
