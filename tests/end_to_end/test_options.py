"""Does healing go together with pip's own options?

The rule: each option is in force while something breaks, on a real pip and over
a real socket; what the option promises must still be true of the healed run.
"""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import (
    CUT,
    SIZE,
    assert_healed,
    assert_resumed,
    fetch,
    fetched,
    last_line,
    of_pip,
)
from tests.end_to_end.played_pypi import played_pypi
from tests.faults import FaultServer, Fin, Pause, Reset, Status
from tests.packages import Index


def at_home(environment: Environment, text: str) -> dict[str, str]:
    """Write the user's own pip.conf, and return the variables that let pip read it."""
    config = environment.home / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text(text, encoding="utf-8")
    return {"PIP_CONFIG_FILE": ""}


# --- Where settings come from, and what is kept ---


@pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "not-isolated"])
def test_isolated_ignores_our_settings_and_not_the_switch(
    oldest_and_newest: Environment, server: FaultServer, isolated: bool
) -> None:
    """`--isolated` promises that no variable and no pip.conf of the user has a say."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    log = environment.home / "events.ndjson"
    env = at_home(environment, f"[global]\nresilient-log = {log}\n")
    env["PIP_RESILIENT_PATIENCE"] = "much"
    done = fetch(environment, index.url, *["--isolated"] * isolated, env=env)

    assert_healed(done, environment, held)
    assert log.exists() is not isolated
    assert ("PIP_RESILIENT_PATIENCE" in done.stderr) is not isolated


def test_no_cache_dir_leaves_nothing_behind(oldest_and_newest: Environment) -> None:
    """Images are built with it so that no layer holds what pip needed only once."""
    with played_pypi() as pypi:
        held = pypi.index.add_wheel("demo", "1.0", size=3_000_000)
        pypi.files.script = [Reset(after=2_000_000).when("*.whl", first=1)]
        options = ("download", "--no-deps", "--dest", "out", "--no-cache-dir", "demo")
        done = pypi.pip(oldest_and_newest, *options)

    assert_healed(done, oldest_and_newest, held)
    assert not oldest_and_newest.pip_cache.exists()
    assert list((oldest_and_newest.home / "tmp").iterdir()) == []


# --- What is printed ---


@pytest.mark.parametrize("pip", ["22.3.1", "25.0.1", "26.3"])
def test_a_report_on_stdout_stays_one_json_document(server: FaultServer, pip: str) -> None:
    """Tools parse it: one byte of ours on stdout, and a lock file cannot be made."""
    environment, index = of_pip(pip), Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE, requires=["other"])
    index.add_wheel("other", "2.0", size=SIZE)
    server.script = [
        Reset(after=50).when("/simple/", first=2),
        Reset(after=10).when("*.metadata", first=2),
        CUT,
    ]
    options = ("install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-")
    done = environment.pip(*options, "--index-url", index.url, "demo")
    report = json.loads(done.stdout)
    by_name = {item["metadata"]["name"]: item for item in report["install"]}

    assert done.returncode == 0, done.stderr
    assert sorted(by_name) == ["demo", "other"]
    assert by_name["demo"]["download_info"]["url"] == held.url
    assert held.sha256 in json.dumps(by_name["demo"]["download_info"])
    assert "healed" in last_line(done)


def test_a_lock_file_on_stdout_is_the_same_as_without_faults(
    newest: Environment, server: FaultServer
) -> None:
    """It is committed and installed from for months."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE, requires=["other"])
    index.add_wheel("other", "2.0", size=SIZE)
    options = ("lock", "--quiet", "--output", "-", "--index-url", index.url, "demo")
    plain = newest.pip(*options, armed=False)
    server.script = [Reset(after=50).when("/simple/", first=2), CUT]
    armed = newest.pip(*options)

    assert armed.returncode == 0, armed.stderr
    assert armed.stdout == plain.stdout != ""
    assert "healed" in last_line(armed)


def test_a_raw_progress_bar_counts_each_byte_once(server: FaultServer) -> None:
    """Who draws a bar of his own would see it jump back, or run over its end."""
    environment, index = of_pip("26.3"), Index(server)
    held = index.add_wheel("demo", "1.0", size=4 * SIZE)
    server.script = [Reset(after=SIZE).when("*.whl", method="GET", first=1)]
    done = fetch(environment, index.url, "--progress-bar", "raw")
    steps = [tuple(map(int, pair)) for pair in re.findall(r"Progress (\d+) of (\d+)", done.stdout)]

    assert_healed(done, environment, held)
    assert steps == sorted(steps)
    assert steps[-1] == (len(held.content), len(held.content))
    assert {total for _, total in steps} == {len(held.content)}


def test_no_progress_bar_means_none(oldest_and_newest: Environment, server: FaultServer) -> None:
    """A log of a CI run should hold lines and nothing else."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = fetch(oldest_and_newest, index.url, "--progress-bar", "off")

    assert_healed(done, oldest_and_newest, held)
    assert_resumed(server, held)
    assert "\r" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


# --- Where files come from ---


def test_find_links_at_a_url_heals(oldest_and_newest: Environment, server: FaultServer) -> None:
    """Whoever has no index has a page of links, and it is cut as often."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    link = f'<a href="{held.url}#sha256={held.sha256}">{held.filename}</a>'
    page = f"<!DOCTYPE html><html><body>{'<p>' * 500}{link}</body></html>".encode()
    links = server.put("/links/", page, content_type="text/html")
    server.script = [Fin(after=1000).when("/links/", first=1), CUT]
    where = ("--no-index", "--find-links", links)
    done = environment.pip("download", "--no-deps", "--dest", "out", *where, "demo")

    assert_healed(done, environment, held)
    assert_resumed(server, held)
    assert server.requests("/simple/demo/") == []


@pytest.mark.parametrize("option", ["-r", "-c"])
@pytest.mark.parametrize("fault", [Fin(after=100), Reset(after=100)], ids=["fin", "reset"])
def test_a_requirements_url_is_never_taken_short(
    oldest_and_newest: Environment, server: FaultServer, option: str, fault: Fin | Reset
) -> None:
    """pip up to 26.0 takes what it got for the whole: packages and limits would be lost."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0")
    index.add_wheel("demo", "2.0")
    url = server.put("/list.txt", b"# a comment\n" * 20 + b"demo<2\n", content_type="text/plain")
    server.script = [fault.when("/list.txt", first=1)]
    wanted = (option, url) if option == "-r" else (option, url, "demo")
    options = ("download", "--no-deps", "--dest", "out", "--index-url", index.url)
    done = environment.pip(*options, *wanted)

    assert_healed(done, environment, held)
    assert [path.name for path in (environment.work / "out").iterdir()] == [held.filename]


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong"])
def test_require_hashes_is_kept(
    oldest_and_newest: Environment, server: FaultServer, right: bool
) -> None:
    """Bytes that were joined are held against the user's own hash, as all others are."""
    environment, index = oldest_and_newest, Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    digest = held.sha256 if right else hashlib.sha256(b"another").hexdigest()
    listed = environment.work / "requirements.txt"
    listed.write_text(f"demo==1.0 --hash=sha256:{digest}\n", encoding="ascii")
    options = ("--no-deps", "--dest", "out", "--require-hashes", "--index-url", index.url)
    done = environment.pip("download", *options, "-r", str(listed))

    if right:
        assert_healed(done, environment, held)
        assert_resumed(server, held)
        return
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert len(server.ranges(held.path)) <= 2, "what the user forbids is not fetched again"
    assert not (environment.work / "out" / held.filename).exists()


def test_lazy_wheels_are_read_through_cuts(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """fast-deps reads a zip from its end by ranges; a range continued wrongly is another zip."""
    environment, index = oldest_and_newest, Index(server, core_metadata=False)
    held = index.add_wheel("demo", "1.0", size=SIZE, requires=["other"])
    other = index.add_wheel("other", "1.0", size=SIZE)
    server.script = [Reset(after=150).when("*.whl", ranged=True, first=4)]
    where = ("--dest", "out", "--index-url", index.url)
    done = environment.pip("download", "--use-feature=fast-deps", *where, "demo")
    asked = [seen for seen in server.requests(held.path, "GET") if seen.range is not None]

    assert_healed(done, environment, held)
    assert fetched(environment, other) == other.content
    assert len(asked) >= 2
    assert "healed 4 interruptions" in last_line(done)


def test_the_old_resolver_heals_too(oldest: Environment, server: FaultServer) -> None:
    """It downloads by another way through pip (20.3.4: no BatchDownloader)."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = fetch(oldest, index.url, "--use-deprecated=legacy-resolver")

    assert_healed(done, oldest, held)
    assert_resumed(server, held)


@pytest.mark.parametrize("command", ["wheel", "install"])
def test_an_isolated_build_heals_in_the_pip_that_pip_starts(
    oldest_and_newest: Environment, server: FaultServer, command: str
) -> None:
    """The build's own downloads happen in a second pip, which gets none of the options."""
    environment, index = oldest_and_newest, Index(server)
    backend = index.add_backend(size=SIZE)
    source = index.add_sdist("demo", "1.0", size=SIZE)
    server.script = [CUT, Reset(after=SIZE // 2).when("*.tar.gz", first=1)]
    where = {"wheel": ("--wheel-dir", "out"), "install": ("--target", "out")}[command]
    done = environment.pip(command, *where, "--index-url", index.url, "demo")

    assert done.returncode == 0, done.stderr
    assert any((environment.work / "out").glob("demo*"))
    assert_resumed(server, backend)
    assert_resumed(server, source)
    assert "healed 2 interruptions" in last_line(done)
    assert our_lines(done.stdout) == []
    assert list((environment.home / "tmp").glob("pip-resilient*")) == []


def test_build_dependencies_in_one_process_heal(newest: Environment, server: FaultServer) -> None:
    """pip 26.0 and later can do without the second pip."""
    index = Index(server)
    backend = index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0")
    server.script = [CUT]
    feature = ("--use-feature", "inprocess-build-deps")
    done = newest.pip("wheel", *feature, "--wheel-dir", "out", "--index-url", index.url, "demo")

    assert done.returncode == 0, done.stderr
    assert_resumed(server, backend)
    assert "healed 1 interruption" in last_line(done)


# --- How often and how long ---


@pytest.mark.parametrize("fault", ["page", "file"])
def test_retries_0_means_one_attempt(
    oldest_and_newest: Environment, server: FaultServer, fault: str
) -> None:
    """It is how a user says "do not wait", and scripts with a fallback of their own rely on it."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Status(503).when("/simple/") if fault == "page" else Reset(after=1000)]
    path = index.page_path("demo") if fault == "page" else held.path
    if fault == "file":
        server.script = [Reset(after=1000).when("*.whl")]
    done = fetch(oldest_and_newest, index.url, "--retries", "0")

    assert done.returncode != 0
    assert len(server.requests(path)) == 1


@pytest.mark.parametrize("how", ["option", "variable"])
def test_retries_are_a_floor(oldest_and_newest: Environment, server: FaultServer, how: str) -> None:
    """Who asked for more attempts than patience allows gets them."""
    index = Index(server)
    index.add_wheel("demo", "1.0")
    server.script = [Status(503).when("/simple/")]
    options = ("--retries", "2") if how == "option" else ()
    env = {"PIP_RESILIENT_PATIENCE": "0.01", **({} if options else {"PIP_RETRIES": "2"})}
    done = fetch(oldest_and_newest, index.url, *options, env=env)

    assert done.returncode == 1
    assert len(server.requests(index.page_path("demo"))) == 3


@pytest.mark.parametrize(
    ("options", "asked"), [((), 2), (("--timeout", "30"), 1), (("--timeout", "0"), 1)]
)
@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_timeout_of_the_user_is_never_lowered(
    oldest_and_newest: Environment,
    server: FaultServer,
    options: tuple[str, ...],
    asked: int,
    part: str,
) -> None:
    """A slow private index that needs it would fail with us, and only with us."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0")
    server.script = [Pause(part=part, seconds=1.5).when("/simple/", first=1)]  # type: ignore[arg-type]
    env = {"PIP_RESILIENT_READ_TIMEOUT": "0.5"}
    done = fetch(oldest_and_newest, index.url, *options, env=env)

    assert done.returncode == 0, done.stderr
    assert fetched(oldest_and_newest, held) == held.content
    assert (len(server.requests(index.page_path("demo"))) > 1) is (asked > 1)
