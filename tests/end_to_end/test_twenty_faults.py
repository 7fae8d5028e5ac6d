"""Do the doctor and the last line of an install both name the right cause, of twenty?

The rule: in one and the same situation the doctor is asked, a plain pip and an
armed one fail. Both verdicts have to hold the words that a person needs: who
(a host, a proxy and what set it, who issued the certificate), what, and what to
do next; in time, with plain pip's exit code, and never with "No matching
distribution found" at the end. What the armed pip heals it has to say in the end.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end import named_faults
from tests.end_to_end.doctoring import LONGEST, SECRET, doctor
from tests.end_to_end.fetching import last_line

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.end_to_end.named_faults import Met, Situation

IMPATIENT = {"PIP_RESILIENT_PATIENCE": "1", "PIP_RESILIENT_CONNECT_TIMEOUT": "2"}
OURS = re.compile(r"WARNING: pip-resilient: [ -~]+")
THE_LIE = "No matching distribution found"
NETWORK = "network failure, not a missing package: "


@dataclass(frozen=True)
class Case:
    """One fault and what is to be said of it; `{host}` and the like are `Met.names`.

    Attributes:
        cause: What the doctor calls it.
        said: What both verdicts say, in the same words.
        advice: What both say can be done.
        line: What the last line says beside that.
        doctor: What the doctor says instead of `said` and `advice`, where it has
            seen more than pip can.
        fix: How the line begins that the doctor gives to be pasted; empty: none.
        wanted: What pip is asked for.
        healed: Whether the armed pip gets through all the same.
        crashes: Whether plain pip ends in a traceback, and the armed one in its usual way.
        oldest: Whether it is cheap enough to be tried with the oldest pip too.
    """

    name: str
    situation: Situation
    cause: str
    said: tuple[str, ...] = ()
    advice: str = ""
    line: tuple[str, ...] = (NETWORK,)
    doctor: tuple[str, ...] = ()
    fix: str = ""
    wanted: str = "demo"
    healed: bool = False
    crashes: bool = False
    oldest: bool = True

    def in_words(self, words: tuple[str, ...], met: Met) -> list[str]:
        return [word.format(**met.names) for word in words]


BEHIND_PROXY = "{host} through the proxy {proxy} ({by}): "
WRITE_HTTP = "write http:// instead of https:// where the proxy is set ({by})"
FAULTS = (
    Case(
        "dns",
        named_faults.no_such_name,
        "dns_unknown",
        ("host name does not exist",),
        "check the spelling of {host}",
        (NETWORK + "{host}: ",),
        fix="unset PIP_INDEX_URL",
    ),
    Case(
        "refused",
        named_faults.refused,
        "refused",
        ("{host}: connection refused",),
        "check the index URL",
        oldest=False,
    ),
    Case(
        "black-hole",
        named_faults.black_hole,
        "connect_timeout",
        ("{host}: no connection within the time allowed",),
        "check whether a firewall or VPN drops connections to {host}",
        oldest=False,
    ),
    Case(
        "reset-at-hello",
        named_faults.reset_at_hello,
        "reset",
        ("{host}: connection lost",),
        "something on the way cuts connections to {host}",
        oldest=False,
    ),
    Case(
        "tls-eof",
        named_faults.tls_eof,
        "tls_eof",
        ("{host}: TLS connection cut",),
        "do without the proxy or VPN",
        oldest=False,
    ),
    Case(
        "interception",
        named_faults.intercepted_tls,
        "certificate",
        ("{host}: TLS certificate not accepted", 'issued by "{issuer}"'),
        "if your network inspects TLS, give its CA by --cert or PIP_CERT",
        fix="export PIP_CERT=",
    ),
    Case(
        "wrong-clock",
        named_faults.wrong_clock,
        "clock",
        ("TLS certificate not valid yet",),
        "set this machine's clock right",
        (NETWORK + "{host}: ", "most likely it is behind"),
        ("this machine's clock is 899 days behind", "({host})"),
        fix="sudo timedatectl",
    ),
    Case(
        "expired",
        named_faults.expired,
        "expired",
        ("{host}: TLS certificate has expired (20 days ago)",),
        "check this machine's clock; if it is right, {host} has to renew its own",
    ),
    Case(
        "host-name-mismatch",
        named_faults.other_host,
        "other_host",
        ("{host}: TLS certificate of another host (it is for {shown}",),
        "open a browser and log in to this network; if there is no login, check the DNS",
    ),
    Case(
        "captive-portal",
        named_faults.login_page,
        "intercepted",
        ('{host}: a login page answered instead ("Welcome")',),
        "open a browser and log in to this network",
        oldest=False,
    ),
    Case(
        "dead-proxy-of-the-environment",
        named_faults.dead_proxy_of_environment,
        "refused",
        (BEHIND_PROXY + "connection refused",),
        "start that proxy again, or remove its setting",
        fix="unset HTTPS_PROXY",
        oldest=False,
    ),
    Case(
        "dead-proxy-of-pip-conf",
        named_faults.dead_proxy_of_pip_conf,
        "refused",
        (BEHIND_PROXY + "connection refused",),
        "start that proxy again, or remove its setting",
        fix="python -m pip config --user unset global.proxy",
    ),
    Case(
        "proxy-written-https",
        named_faults.proxy_written_https,
        "proxy_scheme",
        line=("the proxy {proxy} is written https:// but speaks http; using it as http://",),
        doctor=(BEHIND_PROXY + "proxy speaks http, not https", WRITE_HTTP),
        fix="export HTTPS_PROXY=http://{proxy}",
        healed=True,
    ),
    Case(
        "proxy-wants-a-login",
        named_faults.proxy_wants_login,
        "proxy_authentication",
        (BEHIND_PROXY + "proxy asks for a login",),
        "put user and password into the proxy's URL ({by})",
        fix="export HTTPS_PROXY=http://USER:PASSWORD@{proxy}",
    ),
    Case(
        "403-to-pip-alone",
        named_faults.refuses_pip,
        "user_agent",
        line=(
            "{host} answered 403 to http://{host}/simple/demo/",
            "that is a refusal, not a missing package. Try: check login and rights for {host};",
            "pip-resilient doctor tells whether a filter turns pip away",
        ),
        doctor=(
            "{host} answers 403 to pip's own User-Agent, and 200 to another",
            "use another index: a filter before {host} turns pip away",
        ),
        fix="export PIP_INDEX_URL=",
    ),
    Case(
        "429",
        named_faults.too_many,
        "status",
        ("{host}: HTTP status 429",),
        "wait some minutes, and run less at once",
        oldest=False,
    ),
    Case(
        "503-of-one-address",
        named_faults.one_bad_address,
        "some_addresses",
        line=("healed 1 interruption",),
        doctor=("{host}: 1 of its 2 addresses fail (::1: HTTP status 503)", "run pip again"),
        fix="export PIP_RESILIENT=1",
        healed=True,
    ),
    Case(
        "cut-page",
        named_faults.cut_page,
        "truncated",
        ("{host}: body cut short",),
        "something on the way cuts long transfers",
        (NETWORK, "at 200/"),
        crashes=True,
        oldest=False,
    ),
    Case(
        "full-disk",
        named_faults.full_disk,
        "disk",
        ("no space left on disk",),
        "free some space, or set TMPDIR to a larger disk",
        ("neither a network failure nor a missing package: no space left on disk{where}",),
        ("{folder}: ",),
        fix="export TMPDIR=",
    ),
    Case(
        "stale-mirror",
        named_faults.stale_mirror,
        "stale",
        ("{host} is behind: ",),
        "use another mirror until it has caught up",
        ("this may not be a missing package", "serial 100", "PyPI itself has named 250"),
        ("last synchronised 3 days ago",),
        fix="export PIP_INDEX_URL=",
        wanted="demo==2.0",
    ),
)
# What heals as one of the twenty, so that nothing can be done; and the other way round.
FURTHER = (
    Case(
        "proxy-written-https-with-a-login",
        named_faults.proxy_written_https_with_login,
        "proxy_scheme",
        (BEHIND_PROXY + "proxy speaks http, not https",),
        WRITE_HTTP,
        fix="export HTTPS_PROXY=http://",
        oldest=False,
    ),
    Case(
        "503-of-all-addresses",
        named_faults.all_addresses_bad,
        "status",
        ("{host}: HTTP status 503",),
        "run pip again later: the server itself says that it fails",
        fix="export PIP_RESILIENT=1",
        oldest=False,
    ),
)


def each(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def download(
    environment: Environment, met: Met, wanted: str, *options: str, armed: bool = True
) -> subprocess.CompletedProcess[str]:
    """Let pip download, where it meets that."""
    where = ("--no-deps", "--dest", "armed" if armed else "plain")
    command = (str(environment.executable), "-m", "pip", "download", *where, *options, wanted)
    env = {**met.env, **IMPATIENT} if armed else met.env
    return environment.run(*met.before, *command, armed=armed, env=env)


def assert_ends_with_the_cause(case: Case, environment: Environment, met: Met) -> None:
    """See what the armed pip says last, how soon, and what it returns."""
    began = time.monotonic()
    armed = download(environment, met, case.wanted)
    seconds = time.monotonic() - began
    impatient = ("--retries", "0", "--timeout", "1", "--no-cache-dir")
    plain = download(environment, met, case.wanted, *impatient, armed=False)
    last = last_line(armed)

    assert seconds < LONGEST
    assert OURS.fullmatch(last), armed.stderr
    assert THE_LIE not in last
    for words in case.in_words((*case.said, *case.line), met):
        assert words in last
    if not case.healed:
        assert case.advice.format(**met.names) in last.partition(" Try: ")[2]
        assert armed.returncode == (1 if case.crashes else plain.returncode), armed.stderr
    assert (plain.returncode == 2) >= case.crashes
    assert plain.returncode != 0
    assert (armed.returncode == 0) is case.healed, armed.stderr
    assert SECRET not in armed.stderr


def assert_the_doctor_names_it(case: Case, environment: Environment, met: Met) -> None:
    """See the one cause, who is to blame, and what to do; 15 s and passwords are seen to."""
    told = doctor(environment, env=met.env, before=met.before)

    assert told.causes == [case.cause]
    for words in case.in_words((*case.said, case.advice, *case.doctor), met):
        assert words in told.verdict
    for fix in case.in_words((case.fix,), met) if case.fix else ():
        assert told.first["fix"][0].startswith(fix)


def test_there_are_twenty() -> None:
    """It is what is promised."""
    assert len({case.name for case in FAULTS}) == len(FAULTS) == 20


@each(*FAULTS, *FURTHER)
def test_the_doctor_and_the_last_line_name_the_cause(
    newest: Environment, tmp_path: Path, case: Case
) -> None:
    with case.situation(newest, tmp_path) as met:
        assert_the_doctor_names_it(case, newest, met)
        assert_ends_with_the_cause(case, newest, met)


@each(*(case for case in FAULTS if case.oldest))
def test_the_last_line_of_the_oldest_pip_names_it_too(
    oldest: Environment, tmp_path: Path, case: Case
) -> None:
    with case.situation(oldest, tmp_path) as met:
        assert_ends_with_the_cause(case, oldest, met)


def test_a_page_that_is_cut_once_is_healed(newest: Environment, tmp_path: Path) -> None:
    """Stock pip ends there, so it is the twentieth that heals."""
    with named_faults.cut_page_once(newest, tmp_path) as met:
        armed = download(newest, met, "demo")

    assert armed.returncode == 0, armed.stderr
    assert "healed 1 interruption" in last_line(armed)
