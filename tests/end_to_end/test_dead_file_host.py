"""Does an install finish when PyPI's file host is dead and nobody has named a mirror?

The rule: public mirrors that keep PyPI's paths are asked, each file is held against
the digest in its path, and for pip it came from PyPI. Where this network is somebody's
own, or the user has said no, no mirror ever hears of it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from pip._internal.models.index import PyPI

from pip_resilient.mirrors.presets import BY_NAME, PRESETS
from tests.end_to_end.environments import our_lines
from tests.faults import Authority, FaultServer, Status
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.played_pypi import PlayedMirror, PlayedPyPI
    from tests.packages import Distribution

DEAD = [Status(503)]
SHORT = {"PIP_RESILIENT_PATIENCE": "1"}
SECRET = "project-x-of-jane"


@pytest.fixture
def held(pypi: PlayedPyPI) -> Distribution:
    return pypi.index.add_wheel("demo", "1.0", size=100_000)


@pytest.fixture
def mirrors(pypi: PlayedPyPI, held: Distribution) -> list[PlayedMirror]:
    """All that are asked without being named, in good health."""
    return [played(pypi, preset.name) for preset in PRESETS if preset.builtin]


def played(pypi: PlayedPyPI, name: str) -> PlayedMirror:
    parts = urlsplit(BY_NAME[name].index_url)
    return pypi.mirror(parts.hostname or "", parts.path.removesuffix("/simple/"))


def asked(mirrors: list[PlayedMirror]) -> list[str]:
    return [seen.path for mirror in mirrors for seen in mirror.server.log]


def download(
    environment: Environment,
    pypi: PlayedPyPI,
    *arguments: str,
    armed: bool = True,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    common = ("download", "--no-deps", "--dest", "out")
    return pypi.pip(environment, *common, *arguments, armed=armed, by_options=False, env=env)


def downloaded(environment: Environment, held: Distribution) -> bytes:
    path = environment.work / "out" / held.filename
    content = path.read_bytes()
    path.unlink()
    return content


# --- It heals, and pip takes it for PyPI's ---


def test_a_builtin_mirror_serves_and_pips_cache_has_it_as_pypis(
    environment: Environment, pypi: PlayedPyPI, held: Distribution, mirrors: list[PlayedMirror]
) -> None:
    pypi.files.script = DEAD
    done = download(environment, pypi, "demo")
    first = downloaded(environment, held) if done.returncode == 0 else b""
    for mirror in mirrors:
        mirror.server.script = DEAD
    seen = len(asked(mirrors))
    plain = download(environment, pypi, "demo", armed=False)
    announced = [line for line in our_lines(done.stderr) if "PIP_RESILIENT_MIRRORS=none" in line]

    assert done.returncode == 0, done.stderr
    assert first == held.content
    assert any(preset.operator in announced[0] for preset in PRESETS)
    assert len(announced) == 1, "for metadata and file"
    assert our_lines(done.stdout) == []
    assert plain.returncode == 0, plain.stderr
    assert downloaded(environment, held) == held.content
    assert len(asked(mirrors)) == seen
    assert {path for path in asked(mirrors) if "/simple/" in path} == set(), "files alone"


def test_for_pip_the_file_is_pypis_own(
    newest: Environment, pypi: PlayedPyPI, held: Distribution, mirrors: list[PlayedMirror]
) -> None:
    """Lock files and audits are made of what the report says."""
    pypi.files.script = DEAD
    arguments = ("install", "--target", "site", "--report", "report.json", "demo")
    done = pypi.pip(newest, *arguments, by_options=False)
    report = json.loads((newest.work / "report.json").read_text("utf-8"))
    (installed,) = report["install"]

    assert done.returncode == 0, done.stderr
    assert asked(mirrors) != []
    assert installed["download_info"]["url"] == held.url
    assert installed["download_info"]["archive_info"]["hashes"]["sha256"] == held.sha256


def test_a_mirror_is_not_told_what_the_user_tells_pypi(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
) -> None:
    pypi.files.script = DEAD
    done = download(oldest_and_newest, pypi, "demo", env={"PIP_USER_AGENT_USER_DATA": SECRET})
    at_pypi = {seen.header("User-Agent") or "" for seen in pypi.pages.log}
    at_mirrors = [str(seen) for mirror in mirrors for seen in mirror.server.log]

    assert done.returncode == 0, done.stderr
    assert [agent for agent in at_pypi if SECRET not in agent] == []
    assert at_mirrors != []
    assert [seen for seen in at_mirrors if SECRET in seen] == []


def test_isolated_leaves_the_setting_out_and_not_the_default(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
) -> None:
    pypi.files.script = DEAD
    env = {"PIP_RESILIENT_MIRRORS": "none"}
    done = download(oldest_and_newest, pypi, "--isolated", "demo", env=env)

    assert done.returncode == 0, done.stderr
    assert asked(mirrors) != []


# --- Named by a digest of the user's, or by its own URL ---


@pytest.mark.parametrize("how", ["require-hashes", "direct-url", "presets-url"])
def test_what_the_user_has_pinned_comes_from_elsewhere(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
    how: str,
) -> None:
    requirements = oldest_and_newest.work / "requirements.txt"
    if how == "require-hashes":
        requirements.write_text(f"demo==1.0 --hash=sha256:{held.sha256}\n", encoding="ascii")
        what = ["--require-hashes", "-r", str(requirements)]
    elif how == "direct-url":
        what = [f"{held.url}#sha256={held.sha256}"]
    else:
        what = [f"https://mirrors.aliyun.com/pypi{held.path}#sha256={held.sha256}"]
    if how == "presets-url":
        pypi.host("mirrors.aliyun.com").script = DEAD
    else:
        pypi.files.script = DEAD
    done = download(oldest_and_newest, pypi, *what)

    assert done.returncode == 0, done.stderr
    assert downloaded(oldest_and_newest, held) == held.content
    assert bool(pypi.files.requests(held.path)) is True


@pytest.mark.parametrize(
    ("how", "alive"), [("require-hashes", False), ("direct-url", True), ("direct-url", False)]
)
def test_a_wrong_hash_of_the_users_own_still_fails_and_is_no_mirrors_fault(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
    how: str,
    alive: bool,
) -> None:
    """The mirrors served what PyPI's own path of the file says: they are not to pay for it."""
    wrong = hashlib.sha256(b"something else").hexdigest()
    requirements = oldest_and_newest.work / "requirements.txt"
    if how == "require-hashes":
        requirements.write_text(f"demo==1.0 --hash=sha256:{wrong}\n", encoding="ascii")
        what = ["--require-hashes", "-r", str(requirements)]
    else:
        what = [f"{held.url}#sha256={wrong}"]
    pypi.files.script = [] if alive else DEAD
    patience = SHORT if how == "require-hashes" else {}  # there nothing is left to wait for
    done = download(oldest_and_newest, pypi, *what, env=patience)
    left = list((oldest_and_newest.work / "out").glob("*"))
    asked_then = len([path for path in asked(mirrors) if path.endswith(".whl")])
    pypi.files.script = DEAD
    after = download(oldest_and_newest, pypi, "demo", env={"PIP_RESILIENT_PATIENCE": "30"})

    assert done.returncode == 1
    assert left == []
    assert asked_then <= 1, "one is enough to know"
    assert "not asked again" not in done.stderr
    assert wrong in done.stdout + done.stderr
    assert "HTTP status 503 (" not in done.stderr, "not what it ends with"
    assert after.returncode == 0, done.stderr + after.stderr
    assert downloaded(oldest_and_newest, held) == held.content


# --- Somebody else's certificate ---


def test_a_host_with_a_wrong_certificate_gets_no_request(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
) -> None:
    """Whoever answers there is not PyPI, and learns nothing."""
    somebody = Authority()
    with (
        FaultServer(tls=somebody, names=[PyPI.file_storage_domain]) as files,
        FaultServer(tls=somebody, names=[PyPI.netloc]) as pages,
        FaultServer() as named,
    ):
        Index(named).add_all(pypi.index.distributions)
        pypi.proxy.routes[PyPI.file_storage_domain, 443] = ("127.0.0.1", files.port)
        without = download(oldest_and_newest, pypi, "demo")
        content = downloaded(oldest_and_newest, held)
        pypi.proxy.routes[PyPI.netloc, 443] = ("127.0.0.1", pages.port)
        env = {"PIP_RESILIENT_MIRRORS": f"{named.url}/simple/"}
        fresh = oldest_and_newest.with_fresh_home()
        with_one = download(fresh, pypi, "demo", env=env)

        assert without.returncode == with_one.returncode == 0, without.stderr + with_one.stderr
        assert content == held.content == downloaded(fresh, held)
        assert files.connections > 0
        assert pages.connections > 0
        assert files.log == pages.log == []
        assert {seen.tls for mirror in mirrors for seen in mirror.server.log} == {True}
        assert "certificate" in without.stderr


# --- Nobody else is asked ---


@pytest.mark.parametrize(
    "why",
    [
        *("none", "none-below-default", "proxy", "cert", "no-index", "quieter"),
        *("extra-index", "extra-index-in-a-file"),
    ],
)
def test_no_mirror_hears_of_it(
    oldest_and_newest: Environment,
    pypi: PlayedPyPI,
    held: Distribution,
    mirrors: list[PlayedMirror],
    why: str,
) -> None:
    """A name, an address or an hour can be too much to tell a stranger."""
    environment, what, env = oldest_and_newest, ["demo"], dict(SHORT)
    known = pypi.environ(environment)
    requirements = environment.work / "requirements.txt"
    with FaultServer() as private:
        Index(private).add_wheel("own", "1.0")
        if why == "none":
            env["PIP_RESILIENT_MIRRORS"] = "none"
        elif why == "none-below-default":
            conf = environment.home / "pip.conf"
            conf.write_text("[global]\nresilient-mirrors = none\n", encoding="ascii")
            env.update(PIP_CONFIG_FILE=str(conf), PIP_RESILIENT_MIRRORS="default")
        elif why == "proxy":
            what += ["--proxy", pypi.proxy.url]
        elif why == "cert":
            what += ["--cert", known["SSL_CERT_FILE"]]
        elif why == "no-index":
            what = ["--no-index", f"{held.url}#sha256={held.sha256}"]
        elif why == "quieter":
            what += ["-qq"]
        elif why == "extra-index":
            what += ["--extra-index-url", f"{private.url}/simple/"]
        else:
            requirements.write_text(f"--extra-index-url {private.url}/simple/\ndemo\n")
            what = ["-r", str(requirements)]
        pypi.files.script = DEAD
        done = download(environment, pypi, *what, env=env)

        assert done.returncode == 1, done.stdout
        assert asked(mirrors) == []
        assert {seen.host for seen in pypi.proxy.log} <= {PyPI.netloc, PyPI.file_storage_domain}
        assert pypi.files.log != []
