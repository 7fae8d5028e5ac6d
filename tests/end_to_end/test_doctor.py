"""Does the doctor name the right cause, in time, for each thing that goes wrong?

The rule: real sockets, the real pip's configuration, one fault each; what is
checked is the one cause that stands first, what set it, and the exit code. The
faults that an install names as well are in `test_twenty_faults`.
"""

from __future__ import annotations

import re
import shutil
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.doctoring import SECRET, doctor
from tests.end_to_end.name_server import NO_ANSWER, NO_SUCH_NAME, leading
from tests.end_to_end.named_faults import (
    HOST,
    Dated,
    at_both,
    behind,
    named,
    real_proxy,
    serving,
    valid,
)
from tests.faults import (
    Authority,
    Fault,
    FaultProxy,
    FaultServer,
    Fin,
    HandshakeSilence,
    NeverAnswer,
    RangeIgnored,
    Reset,
    Silence,
    Status,
    Throttle,
    Trickle,
    redirect,
    refused_port,
    swallowing_port,
)
from tests.packages import Index, PageForm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.servers.answers import Request


# --- Nothing is wrong ---


def test_a_healthy_index_is_found_healthy(oldest_and_newest: Environment, tmp_path: Path) -> None:
    """Who sees problems where there are none will not believe it the next time."""
    authority = Authority("Example Ltd")
    with serving(tls=authority) as (server, index):
        env = {"PIP_INDEX_URL": index.url, "PIP_CERT": authority.write_to(tmp_path / "ca.pem")}
        told = doctor(oldest_and_newest, env=env, code=0)

    assert told.said["healthy"] is True
    assert told.said["findings"] == []
    assert told.said["pip"] == oldest_and_newest.pip_version
    assert 'issued by "Example Ltd"' in told.check("TLS")
    assert "honoured" in told.check("ranges")
    assert "per second" in told.check("speed")
    assert {seen.header("User-Agent").partition("/")[0] for seen in server.log} == {"pip"}


def test_certificates_are_those_that_a_distributions_pip_believes(
    oldest_and_newest: Environment, tmp_path: Path
) -> None:
    """Debian's certifi names the system's, though pip's own file lies there as well."""
    authority = Authority()
    bundle = authority.write_to(tmp_path / "ca.pem")
    with serving(tls=authority) as (_, index), oldest_and_newest.throw_away_copy() as copy:
        vendored = copy.site_packages / "pip" / "_vendor"
        with (vendored / "certifi" / "core.py").open("a") as module:
            module.write(f"\n\ndef where():\n    return {bundle!r}\n")
        told = doctor(copy, env={"PIP_INDEX_URL": index.url}, code=0)
        installed = copy.pip("download", "--index-url", index.url, "demo", armed=False)

    assert told.said["findings"] == []
    assert installed.returncode == 0, installed.stderr


def test_only_the_configured_hosts_are_contacted(newest: Environment) -> None:
    """A doctor that calls others may be against the rules of a company."""
    with serving() as (_, index), FaultProxy(outside=False) as proxy:
        env = {"PIP_INDEX_URL": index.url, "HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url}
        doctor(newest, env=env, code=0)

        assert {one.host for one in proxy.log} == {"127.0.0.1"}


@pytest.mark.parametrize("by", ["url", "netrc"])
def test_a_private_index_is_asked_with_its_login(newest: Environment, by: str) -> None:
    """It has not got the usual project, and lets nobody else in."""

    def stranger(request: Request) -> bool:
        return "Basic" not in (request.header("Authorization") or "")

    with FaultServer(script=[Status(401).when(matching=stranger)]) as server:
        Index(server).add_wheel("demo", "1.0", size=5000)
        url = f"{server.url}/simple/"
        if by == "url":
            url = url.replace("//", f"//u:{SECRET}@")
        else:
            netrc = newest.home / ".netrc"
            netrc.write_text(f"machine 127.0.0.1 login u password {SECRET}\n")
            netrc.chmod(0o600)
        told = doctor(newest, env={"PIP_INDEX_URL": url}, code=0)

    assert "status 200" in told.check("file")


def test_trust_unseen_is_worth_a_note(newest: Environment) -> None:
    """It is the advice that everybody finds first, and the wrong one."""
    with serving(tls=Authority()) as (_, index):
        env = {"PIP_INDEX_URL": index.url, "PIP_TRUSTED_HOST": "127.0.0.1"}
        told = doctor(newest, env=env, code=0)

    assert told.first["cause"] == "unverified"
    assert told.first["set_by"] == "PIP_TRUSTED_HOST in the environment"


@pytest.mark.parametrize("columns", ["60", "200"])
def test_the_text_begins_with_the_verdict_and_fits(newest: Environment, columns: str) -> None:
    """It is read in narrow terminals, and pasted into bug reports."""
    with refused_port() as port:
        env = {"PIP_INDEX_URL": f"http://u:{SECRET}@127.0.0.1:{port}/simple/", "COLUMNS": columns}
        done = newest.run("pip-resilient", "doctor", armed=False, env=env)
    lines = done.stdout.splitlines()

    assert done.returncode == 1
    assert lines[0].startswith("not healthy: 127.0.0.1")
    assert max(map(len, lines)) <= int(columns)
    assert "\x1b" not in done.stdout
    assert SECRET not in done.stdout
    assert "Try: check the index URL" in done.stdout
    assert "PIP_INDEX_URL in the environment" in done.stdout.replace("\n", " ").replace("  ", " ")


@pytest.mark.parametrize("words", [("doctor", "ftp://x/"), ("doctor", "--nonsense"), (), ("no",)])
def test_wrong_usage_is_told_apart_from_problems(newest: Environment, words: tuple[str]) -> None:
    """A script has to know whether it has got an answer."""
    done = newest.run("pip-resilient", *words, armed=False)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_mirrors_are_asked_only_when_wanted(newest: Environment) -> None:
    """They are strangers; and that they fail is no problem of pip's."""
    with serving() as (_, index), FaultProxy(outside=False) as proxy:
        env = {"PIP_INDEX_URL": index.url, "HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url}
        nobody = doctor(newest, "--mirrors", env=env, code=0)
        asked = {one.host for one in proxy.log}
        env["PIP_RESILIENT_MIRRORS"] = "tuna"
        told = doctor(newest, "--mirrors", env=env, code=0)

    assert asked == {"127.0.0.1"}, "no built-in mirror may stand in for this index"
    assert "mirror" not in {one["name"] for one in nobody.said["checks"]}
    assert {one.host for one in proxy.log} > {"127.0.0.1"}
    assert "(PIP_RESILIENT_MIRRORS in the environment)" in told.check("mirror")
    assert told.causes == []
    assert "pip-resilient mirrors --set" in told.first["advice"]
    assert "--index-url" not in told.first["advice"]


def test_a_mirrors_speed_is_told(newest: Environment) -> None:
    """Who has to choose one wants to know it."""
    with serving() as (_, index), serving() as (_, mirror), FaultProxy(outside=False) as proxy:
        env = {
            "PIP_INDEX_URL": index.url,
            "PIP_RESILIENT_MIRRORS": mirror.url,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), proxy.url),
            "NO_PROXY": "127.0.0.1",
        }
        told = doctor(newest, "--mirrors", env=env, code=0)
    names = [one["name"] for one in told.said["checks"]]

    assert "speed" in names[names.index("mirror") :]
    assert told.causes == []


def test_a_mirror_that_sends_wrong_bytes_is_told(newest: Environment) -> None:
    """Its page looks as good as any; the hash is that of pip's own index."""
    with serving() as (_, index), FaultServer() as server, FaultProxy(outside=False) as proxy:
        wrong = Index(server)
        wrong.add_wheel("pip", "25.0", size=600_000, seed=1)
        env = {
            "PIP_INDEX_URL": index.url,
            "PIP_RESILIENT_MIRRORS": wrong.url,
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), proxy.url),
            "NO_PROXY": "127.0.0.1",
        }
        told = doctor(newest, "--mirrors", env=env, code=0)
    names = [(one["name"], one["state"]) for one in told.said["checks"]]

    assert ("file", "bad") in names[names.index(("mirror", "ok")) :]
    assert "wrong bytes: they fail the hash of pip-25.0" in told.check("file")


# --- Pages of links ---


def test_the_way_to_pages_of_links_is_looked_at(newest: Environment, tmp_path: Path) -> None:
    """pip asks them too; a dead one makes it wait, and it goes on."""
    authority = Authority("Example Ltd")
    config = newest.home / "pip.conf"
    with serving(tls=authority) as (server, index), refused_port() as port:
        links = f"{server.url}/links/ https://127.0.0.1:{port}/ {tmp_path}"
        config.write_text(f"[global]\nfind-links = {links}\n")
        env = {
            "PIP_INDEX_URL": index.url,
            "PIP_CERT": authority.write_to(tmp_path / "ca.pem"),
            "PIP_CONFIG_FILE": str(config),
        }
        told = doctor(newest, env=env, code=0)
        asked = {seen.path for seen in server.log}
    found = [one for one in told.said["checks"] if one["name"] == "links"]

    assert [one["state"] for one in found] == ["ok", "bad", "ok"]
    assert "find-links in " in told.check("links")
    assert told.said["findings"][0]["cause"] == "refused"
    assert f"127.0.0.1:{port}" in told.said["findings"][0]["said"]
    assert not any(path.startswith("/links") for path in asked)


def test_where_no_index_may_be_asked_the_links_are_all(newest: Environment) -> None:
    with serving() as (server, index), refused_port() as port:
        env = {
            "PIP_INDEX_URL": index.url,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": f"http://127.0.0.1:{port}/",
        }
        told = doctor(newest, env=env)
        connections = server.connections

    assert told.causes == ["refused"]
    assert connections == 0
    assert told.first["fix"] == []
    assert told.first["set_by"] == "PIP_FIND_LINKS in the environment"


HANGING = """
import sys, socket, time
if any("pip._internal" in word for word in sys.orig_argv):
    time.sleep(60)
socket.getaddrinfo = lambda *args, **options: time.sleep(60)
"""


def test_nothing_that_hangs_holds_it_up(newest: Environment) -> None:
    """A pip that is never ready, a resolver that never answers: 15 s are promised."""
    folder = newest.home / "hanging"
    folder.mkdir()
    folder.joinpath("sitecustomize.py").write_text(HANGING)
    told = doctor(newest, f"https://{HOST}/simple/", env={"PYTHONPATH": str(folder)})

    assert told.causes == ["dns_temporary"]
    assert "did not say in time" in told.check("pip")


# --- Names and connections ---


def test_a_dead_extra_index_of_a_file_is_named_with_the_file(newest: Environment) -> None:
    """Nobody remembers what stands there."""
    with serving() as (_, index):
        conf = newest.home / ".config" / "pip" / "pip.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(f"[global]\nextra-index-url =\n  https://u:{SECRET}@{HOST}/simple\n")
        names = leading(newest, {HOST: NO_SUCH_NAME})
        told = doctor(newest, env={**names, "PIP_INDEX_URL": index.url, "PIP_CONFIG_FILE": ""})

    assert told.causes == ["dns_unknown"]
    assert told.first["set_by"] == f"global.extra-index-url in {conf}"
    assert told.first["fix"] == ["python -m pip config --user unset global.extra-index-url"]


def test_no_resolver_answers(newest: Environment) -> None:
    assert doctor(newest, env=named(newest, NO_ANSWER)).causes == ["dns_temporary"]


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (HandshakeSilence(), "tls_silence"),
        (NeverAnswer(), "tls_silence"),
    ],
    ids=["tls-silence", "no-byte"],
)
def test_tls_does_not_come_about(newest: Environment, fault: Fault, cause: str) -> None:
    with serving(tls=Authority(), script=[fault]) as (_, index):
        assert doctor(newest, env={"PIP_INDEX_URL": index.url}).causes == [cause]


# --- Certificates ---


def test_interception_is_told_with_the_issuer(newest: Environment) -> None:
    """Its name is what the people of that network know it by."""
    with serving(tls=Authority("Inspecting Proxies Inc.")) as (_, index):
        told = doctor(newest, env={"PIP_INDEX_URL": index.url})

    assert told.causes == ["certificate"]
    assert 'issued by "Inspecting Proxies Inc."' in told.first["said"]
    assert told.first["fix"][0].startswith("export PIP_CERT=")


@pytest.mark.parametrize(
    ("days", "date", "cause", "said"),
    [
        ((-2000, -800), datetime(2023, 5, 1, tzinfo=timezone.utc), "clock", "days ahead"),
        ((800, 1000), None, "too_early", "TLS certificate not valid yet"),
    ],
    ids=["clock-ahead", "really-too-early"],
)
def test_times_of_certificates_are_held_against_the_servers_clock(
    newest: Environment,
    tmp_path: Path,
    days: tuple[int, int],
    date: datetime | None,
    cause: str,
    said: str,
) -> None:
    """A wrong clock and an expired certificate give one and the same error."""
    authority = Authority(valid=valid(*days))
    script = [] if date is None else [Dated(date)]
    with serving(tls=authority, script=script) as (_, index):
        env = {"PIP_INDEX_URL": index.url, "PIP_CERT": authority.write_to(tmp_path / "ca.pem")}
        told = doctor(newest, env=env)

    assert told.causes == [cause]
    assert said in told.first["said"]


def test_a_bundle_that_is_not_there(newest: Environment) -> None:
    with serving(tls=Authority()) as (_, index):
        env = {"PIP_INDEX_URL": index.url, "REQUESTS_CA_BUNDLE": "/nowhere/ca.pem"}
        told = doctor(newest, env=env)

    assert told.causes == ["ca_path"]
    assert "REQUESTS_CA_BUNDLE in the environment" in told.first["said"]
    assert "/nowhere/ca.pem" in told.first["said"]
    assert told.first["fix"] == ["unset REQUESTS_CA_BUNDLE"]


def test_a_client_certificate_that_is_not_there(newest: Environment) -> None:
    """pip asks nobody without it, by http neither; a CA is another file."""
    with refused_port() as port:
        url = f"http://127.0.0.1:{port}/simple/"
        told = doctor(newest, env={"PIP_INDEX_URL": url, "PIP_CLIENT_CERT": "/nowhere/own.pem"})

    assert told.causes == ["client_path"]
    assert "PIP_CLIENT_CERT in the environment" in told.first["said"]
    assert told.first["fix"] == ["unset PIP_CLIENT_CERT"]
    assert told.check("set-up") == "client certificate not found (/nowhere/own.pem)"


def test_a_missing_bundle_comes_before_a_dead_index(newest: Environment) -> None:
    with refused_port() as port:
        env = {
            "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple/",
            "PIP_EXTRA_INDEX_URL": f"https://{HOST}/simple/",
            "PIP_CERT": "/nowhere/ca.pem",
        }
        told = doctor(newest, env=env)

    assert told.causes == ["ca_path", "refused"]


# --- What is no URL ---


@pytest.mark.parametrize(
    "url", [f"https://u:a/{SECRET}@{HOST}/simple/", "https://[x/simple/", "https:///simple/"]
)
def test_an_index_that_is_no_url_is_not_said_to_be_slow(newest: Environment, url: str) -> None:
    """A slash in a password is enough for that."""
    told = doctor(newest, env={"PIP_INDEX_URL": url})
    asked = newest.run("pip-resilient", "doctor", url, armed=False)

    assert told.causes == ["stack"]
    assert told.first["said"].endswith("the request could not be made (its URL is not valid)")
    assert told.first["set_by"] == "PIP_INDEX_URL in the environment"
    assert asked.returncode == 2
    assert "Traceback" not in asked.stderr


MISTYPED = (
    *("htps://{}@{}/simple/", "ftp://{}@{}/simple/", "svn+https://{}@{}/simple", "https:/{}@{}/"),
    *("https:/{}@{}//", "https//{}@{}/simple/", "//{}@{}/simple/", "{}@{}/simple", "{}//@{}/"),
)


@pytest.mark.parametrize("url", MISTYPED)
def test_a_mistyped_url_gives_no_password_away(newest: Environment, url: str) -> None:
    """What the doctor says is shown to others, and `htps://` is soon written."""
    url = url.format(f"user:{SECRET}", "127.0.0.1:1")
    env = dict.fromkeys(("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"), url)
    told = doctor(newest, env=env)
    shown = newest.run("pip-resilient", "doctor", armed=False, env=env)

    assert SECRET not in shown.stdout + shown.stderr
    assert told.causes == ["stack" if re.match(r"[a-z+]+:", url) else "no_folder"]
    assert told.first["set_by"] == "PIP_INDEX_URL in the environment"
    if "://" in url:
        assert told.first["said"].endswith("(its URL is not valid)")


def test_a_proxy_that_is_no_url_is_named_by_what_set_it(newest: Environment) -> None:
    proxy = f"http://u:a/{SECRET}@127.0.0.1:1"
    told = doctor(newest, env={"PIP_INDEX_URL": f"https://{HOST}/simple/", "PIP_PROXY": proxy})

    assert told.causes == ["stack"]
    assert told.first["set_by"] == "PIP_PROXY in the environment"


# --- Proxies ---


def test_a_proxy_that_works_is_no_finding(newest: Environment, tmp_path: Path) -> None:
    proxy = FaultProxy(require=("u", SECRET))
    with behind(proxy, tmp_path) as env:
        login = proxy.url.replace("//", f"//u:{SECRET}@")
        # The files are on the server's own address, by the same proxy.
        doctor(newest, env={**env, "HTTPS_PROXY": login}, code=0)


def test_a_proxy_that_wants_a_login(newest: Environment, tmp_path: Path) -> None:
    proxy = FaultProxy(require=("u", "other"))
    with behind(proxy, tmp_path) as env:
        login = proxy.url.replace("//", f"//u:{SECRET}@")
        told = doctor(newest, env={**env, "ALL_PROXY": login})

    assert told.causes == ["proxy_authentication"]
    assert "it offers Basic" in told.first["said"]
    assert told.first["set_by"] == "ALL_PROXY in the environment"


@pytest.mark.parametrize(
    ("password", "causes"), [(SECRET, []), ("wrong", ["proxy_authentication"])]
)
def test_a_real_proxy_with_a_login(
    newest: Environment, tmp_path: Path, password: str, causes: list[str]
) -> None:
    """tinyproxy answers a wrong password with 401."""
    situation = real_proxy(f"http://u:{password}@", f"BasicAuth u {SECRET}")
    with situation(newest, tmp_path) as met:
        told = doctor(newest, env=met.env, code=1 if causes else 0)

    assert told.causes == causes


def test_a_proxy_that_forbids_the_host(newest: Environment, tmp_path: Path) -> None:
    proxy = FaultProxy()
    proxy.refuse_next(10, 403)
    with behind(proxy, tmp_path) as env:
        assert doctor(newest, env={**env, "HTTPS_PROXY": proxy.url}).causes == ["proxy_forbids"]


def test_a_socks_proxy_without_pysocks(newest: Environment) -> None:
    env = {"PIP_INDEX_URL": f"https://{HOST}/simple/", "ALL_PROXY": "socks5://127.0.0.1:1080"}
    told = doctor(newest, env=env)

    assert told.causes == ["no_socks"]
    assert told.first["fix"] == ["unset ALL_PROXY"]


# --- Answers ---


@pytest.mark.parametrize(
    ("script", "cause", "said"),
    [
        ([redirect("http://login.invalid/")], "intercepted", "redirected to login.invalid"),
        ([Status(403)], "refusal", "answered 403"),
        ([Status(404)], "no_index", "no index is there"),
        ([Status(200, b"sorry")], "no_page", "no index page"),
        ([Status(502)], "status", "HTTP status 502"),
        ([Silence(part="headers")], "silent", "no answer"),
        ([Reset(after=200).when("/simple/")], "reset", "connection lost"),
        ([Status(403).when("*.whl")], "refusal", "answered 403"),
        ([Trickle().when("/simple/")], "crawl", "hardly any bytes arrive"),
        ([Fin(after=20_000).when("*25.0*.whl")], "truncated", "body cut short"),
        ([Throttle(20_000).when("*25.0*.whl")], "slow", "kB per second"),
    ],
    ids=[
        "login-redirect",
        "403",
        "404",
        "no-page",
        "502",
        "silence",
        "reset-page",
        "403-to-files",
        "crawling-page",
        "cut-file",
        "slow-file",
    ],
)
def test_what_a_server_answers(
    newest: Environment, script: list[Any], cause: str, said: str
) -> None:
    with serving(script=script) as (_, index):
        told = doctor(newest, env={"PIP_INDEX_URL": index.url})

    assert told.causes == [cause]
    assert said in told.first["said"]


def test_ipv6_that_leads_nowhere(newest: Environment) -> None:
    """pip waits for it at each host, and then works."""
    with serving() as (server, index), swallowing_port("::1", server.port) as swallowed:
        if swallowed is None:
            pytest.skip("here a full backlog refuses connections")
        told = doctor(newest, env=at_both(newest, index, server.port))

    assert told.causes == ["one_family"]
    assert "IPv6 fails (::1: no connection within the time allowed), IPv4 works" in told.text


def test_ranges_that_are_not_honoured_are_worth_a_note(newest: Environment) -> None:
    with serving(script=[RangeIgnored()]) as (_, index):
        told = doctor(newest, env={"PIP_INDEX_URL": index.url}, code=0)

    assert "not honoured" in told.check("ranges")


def test_a_mirror_that_is_behind_another_index(newest: Environment) -> None:
    with FaultServer() as one, FaultServer() as other:
        for server, serial in ((one, 100), (other, 250)):
            Index(server, form=PageForm(serial=serial)).add_wheel("pip", "25.0")
        env = {"PIP_INDEX_URL": f"{one.url}/simple/", "PIP_EXTRA_INDEX_URL": f"{other.url}/simple"}
        told = doctor(newest, env=env)

    assert told.causes == ["stale"]
    assert told.first["place"] == f"127.0.0.1:{one.port}"
    assert "serial 100, elsewhere 250" in told.first["said"]


def test_an_http_index_that_pip_ignores(newest: Environment) -> None:
    told = doctor(newest, env=named(newest, NO_SUCH_NAME, scheme="http"))

    assert told.causes == ["insecure"]


# --- This machine ---


@pytest.mark.parametrize("how", ["gone", "half"])
def test_a_broken_pip_gets_an_answer(damaged: Environment, how: str) -> None:
    """Then it is needed most."""
    shutil.rmtree(damaged.site_packages / "pip" / ("" if how == "gone" else "_internal"))
    with serving() as (_, index):
        told = doctor(damaged, env={"PIP_INDEX_URL": index.url})

    assert told.causes == ["no_pip"]
    assert told.first["fix"] == ["python -m ensurepip --upgrade"]
    assert "status 200" in told.check("page")


def test_a_configuration_that_cannot_be_read(newest: Environment) -> None:
    conf = newest.home / "own.conf"
    conf.write_text("proxy = x\n")
    with serving() as (_, index):
        env = {"PIP_INDEX_URL": index.url, "PIP_CONFIG_FILE": str(conf)}
        told = doctor(newest, env=env)

    assert told.causes[0] == "configuration"
    assert str(conf) in told.first["said"]
