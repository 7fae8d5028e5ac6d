"""Does a mirror that is wrong, by accident or on purpose, do more harm than one that is away?

The rule: every host is played under its own name, and each test asserts on what
came out and on what the hosts were asked. Wrong bytes never reach pip, wrong
names never reach messages, and one wrong mirror is never in the way of a good one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from pip._internal.models.index import PyPI

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import HALF, SIZE, is_older
from tests.end_to_end.played_pypi import PlayedPyPI, played_pypi
from tests.faults import (
    Fault,
    FaultServer,
    Fin,
    FlippedBit,
    OtherContent,
    Reset,
    Status,
    Together,
    Trickle,
    captive_portal,
    redirect,
)
from tests.index_pages import html_page
from tests.packages import Distribution, Index, PageForm, file_path, wheel
from tests.servers.delivery import Break, Plan

if TYPE_CHECKING:
    import subprocess

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedMirror
    from tests.faults import Request, Resource
    from tests.servers.answers import Answer

EVIL, GOOD = "evil.mirror.test", "good.mirror.test"
FORGED = wheel("demo", "1.0", size=SIZE, seed=1)
QUARANTINE = "serves something wrong"


def simple(*names: str) -> str:
    return " ".join(f"https://{name}/simple/" for name in names)


def download(
    environment: Environment,
    pypi: PlayedPyPI,
    mirrors: str,
    patience: str = "10",
    *options: str,
) -> subprocess.CompletedProcess[str]:
    """Let the armed pip download `demo`, its HTTP cache empty but what we remember kept."""
    shutil.rmtree(environment.work / "out", ignore_errors=True)
    for cache in environment.pip_cache.glob("http*"):
        shutil.rmtree(cache)
    env = {"PIP_RESILIENT_MIRRORS": mirrors, "PIP_RESILIENT_PATIENCE": patience}
    command = ("download", "--no-deps", "--dest", "out", *options, "demo")
    done = pypi.pip(environment, *command, by_options=False, env=env)
    assert "standing aside" not in done.stderr, done.stderr
    return done


def brought(environment: Environment) -> dict[str, bytes]:
    """Return what `download` has brought, by name."""
    folder = environment.work / "out"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def cached(environment: Environment, content: bytes) -> bool:
    """Tell whether bytes of a file lie in pip's cache, or anywhere below it."""
    piece = content[SIZE // 2 : SIZE // 2 + 64]
    files = [path for path in environment.pip_cache.rglob("*") if path.is_file()]
    return any(piece in path.read_bytes() for path in files)


def asked(mirror: PlayedMirror) -> list[str]:
    return [seen.path for seen in mirror.server.log]


def flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


# --- Wrong bytes ---


def test_the_one_good_mirror_is_found_behind_all_that_are_not(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """A run of bad luck with mirrors is no reason to fail, and none to be fooled."""
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    names = ["lacks.test", "wrong.test", "short.test", "cuts.test", GOOD]
    aliyun = pypi.mirror("mirrors.aliyun.com", "/pypi")
    lacks, wrong, short, cuts, good = (pypi.mirror(name) for name in names)
    aliyun.server.remove("/pypi" + held.path)
    other = Index(lacks.server)
    other.add_wheel("demo", "0.9")
    wrong.server.script = [FlippedBit(HALF).when("*.whl")]
    short.server.script = [OtherContent(held.content[:HALF]).when("*.whl")]
    cuts.server.script = [Fin(after=1000).when("*.whl")]
    pypi.files.pause_listening()
    mirrors = f"files:aliyun {simple(*names)}"
    done = download(oldest_and_newest, pypi, mirrors)

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    assert asked(aliyun)
    assert asked(lacks) == ["/simple/demo/"]
    assert held.path in asked(wrong)
    assert held.path in asked(short)
    assert 1 <= asked(cuts).count(held.path) <= 10, "one that cuts each time is left alone soon"
    assert good.server.requests(held.path)
    told = "\n".join(our_lines(done.stderr))
    assert told.count(QUARANTINE) >= 2
    again = {name: len(pypi.host(name).log) for name in names}
    done = download(oldest_and_newest, pypi, mirrors)

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    for name in ("wrong.test", "short.test"):
        assert len(pypi.host(name).log) == again[name], "it is remembered for a day"


@pytest.mark.parametrize("where", ["pypis-url", "mirrors-url", "metadata"])
def test_a_second_index_that_lies_gets_no_mirror_quarantined(
    oldest_and_newest: Environment, pypi: PlayedPyPI, where: str
) -> None:
    """It names another hash for what the others have, and would be rid of all of them."""
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    own = pypi.mirror("mirrors.aliyun.com", "/pypi")
    good = pypi.mirror(GOOD)
    index, url, dead = pypi.index.url, held.url, pypi.files
    if where == "mirrors-url":
        index, url, dead = own.index.url, f"https://mirrors.aliyun.com/pypi{held.path}", own.server
    lie = hashlib.sha256(b"a lie").hexdigest()
    link = f'<a href="{url}#sha256={held.sha256 if where == "metadata" else lie}"'
    link += f' data-core-metadata="sha256={lie}">{held.filename}</a>'
    dead.script = [Status(503).when("*.whl*")]
    with FaultServer() as liar:
        liar.put("/simple/demo/", f"<html>{link}</html>".encode(), content_type="text/html")
        beside = ("--index-url", index, "--extra-index-url", f"{liar.url}/simple/")
        lied_to = download(oldest_and_newest, pypi, simple(GOOD), "3", *beside)
    after = download(oldest_and_newest, pypi, simple(GOOD), "3", "--index-url", index)

    assert QUARANTINE not in lied_to.stderr
    assert after.returncode == 0, lied_to.stderr + after.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    assert where == "mirrors-url" or good.server.requests(held.path) != []


@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
def test_all_wrong_is_the_end_of_it(
    oldest_and_newest: Environment, pypi: PlayedPyPI, before: int
) -> None:
    """Whoever comes second is held against the same digest as the first."""
    environment = oldest_and_newest
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirrors = [pypi.mirror(name) for name in ("away.test", EVIL)[1 - before :]]
    bad = flipped(held.content, HALF)
    mirrors[0].server.script = [Status(404)]
    mirrors[-1].server.script = [OtherContent(bad).when("*.whl")]
    pypi.files.script = [Status(503)]
    names = simple(*("away.test", EVIL)[1 - before :])
    done = download(environment, pypi, names, patience="6")

    assert done.returncode == 1
    assert brought(environment) == {}
    told = "\n".join(our_lines(done.stderr))
    assert EVIL in told
    assert QUARANTINE in told
    digests = (held.path.split("/")[-2], held.sha256)
    assert any(digest in told for digest in digests), "what it should be"
    so_far = len(asked(mirrors[-1]))
    done = download(environment, pypi, names, patience="1")

    assert done.returncode == 1
    assert brought(environment) == {}
    assert not cached(environment, bad)
    assert len(asked(mirrors[-1])) == so_far, "the run before has told this one"


def test_origin_and_mirrors_all_wrong_names_both_digests_and_both_sources(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    environment = oldest_and_newest
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirror = pypi.mirror(EVIL)
    bad = flipped(held.content, HALF)
    pypi.files.script = [OtherContent(bad).when("*.whl")]
    mirror.server.script = [OtherContent(bad).when("*.whl")]
    env = {"PIP_RESILIENT_MIRRORS": simple(EVIL), "PIP_RESILIENT_PATIENCE": "6"}
    install = ("install", "--target", "there", "demo")
    done = pypi.pip(environment, *install, by_options=False, env=env)

    assert done.returncode == 1
    assert not (environment.work / "there" / "demo").exists()
    assert not cached(environment, bad)
    told = "\n".join(our_lines(done.stderr))
    assert EVIL in told
    assert PyPI.file_storage_domain in told
    assert Distribution("", "", bad, "", "", None, "").sha256 in done.stderr or (
        file_path("x", bad).split("/")[-2] in done.stderr
    )
    assert held.sha256 in done.stderr or held.path.split("/")[-2] in done.stderr
    assert len(pypi.files.requests(held.path)) <= 2
    assert len(mirror.server.requests(held.path)) <= 1


def test_a_good_mirror_is_not_blamed_for_the_beginning_that_came_from_elsewhere(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirror = pypi.mirror(GOOD)
    bad = Together((FlippedBit(1000), Reset(after=HALF)))
    pypi.files.script = [bad.when("*.whl", first=1), Status(503).when("*.whl")]
    done = download(oldest_and_newest, pypi, simple(GOOD))

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    assert QUARANTINE not in done.stderr
    so_far = len(asked(mirror))
    done = download(oldest_and_newest, pypi, simple(GOOD))

    assert done.returncode == 0, done.stderr
    assert len(asked(mirror)) > so_far


def test_bytes_that_fail_their_hash_are_fetched_again_from_a_mirror(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirror = pypi.mirror(GOOD)
    pypi.files.script = [FlippedBit(1000).when("*.whl")]
    done = download(oldest_and_newest, pypi, simple(GOOD))

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    assert len(pypi.files.requests(held.path)) == 1
    assert len(mirror.server.requests(held.path)) == 1
    assert QUARANTINE not in done.stderr


# --- A forged mirror, at one with itself ---


def forged_mirror(pypi: PlayedPyPI, name: str = EVIL, prefix: str = "") -> PlayedMirror:
    """Play a mirror whose page and file agree with each other, and not with PyPI."""
    mirror = pypi.mirror(name, prefix)
    url = f"https://{name}"
    index = Index(mirror.server, pages_url=url, files_url=url, prefix=prefix)
    index.add("demo", "demo-1.0-py3-none-any.whl", FORGED)
    return mirror


def test_a_mirror_that_nobody_named_never_serves_a_page(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirror = forged_mirror(pypi, "mirrors.aliyun.com", "/pypi")
    pypi.pages.pause_listening()
    done = download(oldest_and_newest, pypi, "default", patience="3")

    assert done.returncode == 1
    assert brought(oldest_and_newest) == {}
    assert asked(mirror) == []


def test_a_page_that_contradicts_the_last_good_one_quarantines_its_mirror(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    done = download(oldest_and_newest, pypi, "none")
    assert done.returncode == 0, done.stderr
    mirror = forged_mirror(pypi)
    pypi.pages.pause_listening(drop=True)
    pypi.files.pause_listening(drop=True)
    done = download(oldest_and_newest, pypi, simple(EVIL), patience="6")

    assert done.returncode != 0
    assert brought(oldest_and_newest) == {}
    assert QUARANTINE in done.stderr
    assert {path for path in asked(mirror) if path.endswith(".whl")} == set()
    so_far = len(asked(mirror))
    pypi.files.resume_listening()
    done = download(oldest_and_newest, pypi, simple(EVIL))

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}
    assert len(asked(mirror)) == so_far


def test_what_only_a_mirror_names_never_passes_for_pypis(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """Its page is believed, since the user named it, but it is its page."""
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    forged_mirror(pypi)
    pypi.pages.pause_listening()
    report = ("--dry-run", "--report", "report.json", "--target", "there")
    command = ("download", "--no-deps", "--dest", "out", "demo")
    if not is_older(oldest_and_newest, 22, 2):
        command = ("install", *report, "demo")
    env = {"PIP_RESILIENT_MIRRORS": simple(EVIL), "PIP_RESILIENT_PATIENCE": "10"}
    done = pypi.pip(oldest_and_newest, *command, by_options=False, env=env)

    assert done.returncode == 0, done.stderr
    assert PyPI.file_storage_domain not in done.stdout
    assert "PyPI's file path" not in done.stderr
    if "install" in command:
        (item,) = json.loads((oldest_and_newest.work / "report.json").read_text())["install"]
        assert item["download_info"]["url"].startswith(f"https://{EVIL}/")
    else:
        assert f"https://{EVIL}/" in done.stdout
    pypi.pages.resume_listening()
    shutil.rmtree(oldest_and_newest.work / "out", ignore_errors=True)
    later = ("download", "--no-deps", "--dest", "out", "demo")
    done = pypi.pip(oldest_and_newest, *later, by_options=False, armed=False)

    assert done.returncode == 0, done.stderr
    assert brought(oldest_and_newest) == {held.filename: held.content}


def test_a_mirror_that_fails_its_own_page_is_told_by_its_name(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    pypi.index.add_wheel("demo", "1.0", size=SIZE)
    mirror = forged_mirror(pypi)
    mirror.server.script = [FlippedBit(HALF).when("*.whl")]
    pypi.pages.pause_listening()
    done = download(oldest_and_newest, pypi, simple(EVIL), patience="3")

    assert done.returncode == 1
    assert f"the index page of {EVIL}" in done.stderr
    assert "PyPI's file path" not in done.stderr


def test_a_mirror_cannot_lay_its_own_bytes_under_pypis_path(
    oldest_and_newest: Environment, pypi: PlayedPyPI
) -> None:
    """The path is the hash of its bytes; but PyPI never named it."""
    pypi.index.add_wheel("demo", "1.0", size=SIZE)
    path = file_path("demo-1.0-py3-none-any.whl", FORGED)
    there = f"https://{PyPI.file_storage_domain}{path}"
    claimed = Distribution("demo", "demo-1.0-py3-none-any.whl", FORGED, path, there, None, "")
    mirror = pypi.mirror(EVIL)
    mirror.server.put("/simple/demo/", html_page("demo", [claimed]), content_type="text/html")
    mirror.server.put(path, FORGED)
    aliyun = pypi.mirror("mirrors.aliyun.com", "/pypi")
    aliyun.server.put("/pypi" + path, FORGED)
    pypi.pages.pause_listening()
    pypi.files.pause_listening()
    done = download(oldest_and_newest, pypi, f"{simple(EVIL)} aliyun")

    assert FORGED not in brought(oldest_and_newest).values()
    assert not cached(oldest_and_newest, FORGED)
    assert [one for one in (*asked(mirror), *asked(aliyun)) if one.endswith(".whl")] == []
    assert "PyPI's file path" not in done.stderr


# --- Answers that are meant to do harm ---


@dataclass(frozen=True)
class WithHeaders(Fault):
    """The answer has further header fields."""

    headers: tuple[tuple[str, str], ...]

    def change_answer(self, answer: Answer, request: Request, resource: Resource | None) -> Answer:
        return answer.with_headers(*self.headers)


@dataclass(frozen=True)
class SlowHeaders(Fault):
    """One byte of the answer's headers comes each second."""

    def change_plan(self, plan: Plan) -> Plan:
        waits = tuple(Break(at, lambda wire: wire.wait(1.0), "headers") for at in range(1, 200))
        return Plan(plan.answer, plan.frames, waits)


ENDLESS = redirect(f"https://{EVIL}/again/")
BOMB = gzip.compress(bytes(300_000_000), 6)
JSON_BOMB = b'{"files":' + b"[" * 200_000
_ZIPPED = (("Content-Encoding", "gzip"),)

HARMFUL = {
    "304": Status(304, b""),
    "other-name": WithHeaders((("Content-Disposition", 'attachment; filename="evil-1.0.whl"'),)),
    "to-a-file": redirect("file:///etc/passwd"),
    "to-metadata-service": redirect("https://169.254.169.254/latest/"),
    "to-plain-http": redirect(f"http://{GOOD}/simple/demo/"),
    "to-no-host": redirect("https://*.test/x"),
    "to-a-long-label": redirect(f"https://{'a' * 80}\xe4.test/x"),
    "to-bad-port": redirect("https://evil.test:99999/x"),
    "without-an-end": ENDLESS,
    "portal": captive_portal(),
    "long-header": WithHeaders((("X-Long", "a" * 10_000_000),)),
    "many-headers": WithHeaders(tuple((f"X-{n}", "a" * 50_000) for n in range(200))),
    "slow-headers": SlowHeaders(),
    "slow-body": Trickle(piece=1, tick=1.0),
    "teapot": Status(418),
    "206": Status(206, b"<!DOCTYPE html><html><body></body></html>", "text/html"),
}
HARMFUL_PAGES = {
    "gzip-bomb": Status(200, BOMB, "text/html", _ZIPPED),
    "deep-json": Status(200, JSON_BOMB, "application/vnd.pypi.simple.v1+json"),
    "no-gzip": Status(200, b"no", "text/html", _ZIPPED),
    "endless-page": Status(200, b"<a>" * 25_000_000, "text/html"),
}


CASES = [(harm, "page") for harm in (*HARMFUL, *HARMFUL_PAGES) if harm != "slow-body"]
CASES += [(harm, "file") for harm in HARMFUL if harm != "slow-headers"]


@pytest.mark.parametrize(("harm", "what"), CASES)
def test_the_next_mirror_serves_what_a_harmful_one_does_not(
    newest: Environment, pypi: PlayedPyPI, harm: str, what: str
) -> None:
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    evil, good = pypi.mirror(EVIL), pypi.mirror(GOOD)
    fault = {**HARMFUL, **HARMFUL_PAGES}[harm]
    evil.server.script = [fault.when("/simple/*" if what == "page" else "*.whl")]
    evil.server.script = [*evil.server.script, fault.when("/again/*")]
    pypi.files.pause_listening()
    if what == "page":
        pypi.pages.pause_listening()
    began = time.monotonic()
    mirrors = simple(EVIL, GOOD) if what == "page" else f"files:{simple(EVIL)} {simple(GOOD)}"
    done = download(newest, pypi, mirrors)

    assert done.returncode == 0, done.stderr
    assert brought(newest) == {held.filename: held.content}
    assert evil.server.log
    assert len(evil.server.log) < 12
    assert time.monotonic() - began < 40
    if what == "page" and harm != "other-name":
        assert good.server.requests("/simple/demo/")
    hosts = {EVIL, GOOD, PyPI.netloc, PyPI.file_storage_domain}
    assert {one.host for one in pypi.proxy.log} <= hosts


@pytest.mark.parametrize("way", ["page", "redirect"])
@pytest.mark.parametrize("there", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]"])
def test_no_mirror_sends_us_to_this_machine(
    newest: Environment, pypi: PlayedPyPI, there: str, way: str
) -> None:
    """What listens here often trusts whoever can reach it."""
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    evil, good = pypi.mirror(EVIL), pypi.mirror(GOOD)
    pypi.files.pause_listening()
    with FaultServer() as plain, FaultServer(tls=pypi.authority) as tls:
        servers = {"http": plain, "https": tls}
        places = [f"{scheme}://{there}:{one.port}" for scheme, one in servers.items()]
        for place in places:
            if way == "page":
                lie = Distribution("demo", held.filename, b"", "", place + held.path, None, "")
                page = html_page("demo", [lie], digests=False)
                evil.server.put("/simple/demo/", page, content_type="text/html")
            else:
                evil.server.script = [redirect(place + held.path).when("*.whl")]
            done = download(newest, pypi, f"files:{simple(EVIL)} {simple(GOOD)}")

            assert done.returncode == 0, done.stderr
            assert brought(newest) == {held.filename: held.content}
        assert plain.connections + tls.connections == 0
        assert good.server.requests(held.path)
        assert there.strip("[]") not in {one.host for one in pypi.proxy.log}


def test_no_mirrors_page_leads_from_https_to_plain_http(
    newest: Environment, pypi: PlayedPyPI
) -> None:
    held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
    evil = pypi.mirror(EVIL)
    pypi.mirror(GOOD)
    lie = Distribution("demo", held.filename, b"", "", f"http://{GOOD}{held.path}", None, "")
    page = html_page("demo", [lie], digests=False)
    evil.server.put("/simple/demo/", page, content_type="text/html")
    pypi.files.pause_listening()
    download(newest, pypi, f"files:{simple(EVIL)}")

    assert {(one.method, one.port) for one in pypi.proxy.log} == {("CONNECT", 443)}


def test_no_serial_is_high_enough_to_win_by_itself(
    oldest_and_newest: Environment,
) -> None:
    with played_pypi(PageForm(serial=100)) as pypi:
        held = pypi.index.add_wheel("demo", "1.0", size=SIZE)
        evil = pypi.mirror(EVIL)
        lies = Index(
            evil.server,
            pages_url=f"https://{EVIL}",
            files_url=f"https://{EVIL}",
            form=PageForm(serial=2**60),
        )
        lies.add("demo", "demo-1.0-py3-none-any.whl", FORGED)
        pypi.mirror(GOOD, form=PageForm(serial=100))
        pypi.pages.pause_listening()
        pypi.files.pause_listening()
        done = download(oldest_and_newest, pypi, simple(EVIL, GOOD))

        assert done.returncode == 0, done.stderr
        assert brought(oldest_and_newest) == {held.filename: held.content}
