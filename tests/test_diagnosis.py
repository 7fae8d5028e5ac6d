"""Does the last line name the culprit and the next step, and only what is true?"""

from __future__ import annotations

import pytest

from pip_resilient import diagnosis
from pip_resilient.diagnosis import last_line
from pip_resilient.events import (
    Answered,
    Behind,
    GaveUp,
    Quarantined,
    Retried,
    RightBytesAgain,
    SourceFailed,
)
from pip_resilient.policy.failure import Failure, Kind, Whose

PLACE, URL = "index.invalid", "https://index.invalid/simple/demo/"


def gave_up(
    kind: Kind = Kind.RESET, spent: float = 150.0, place: str = PLACE, **more: object
) -> GaveUp:
    failure = Failure(kind, proxy=more.pop("proxy", None))
    return GaveUp(1.0, place, URL, failure, 14, spent, "patience", **more)


def answered(status: int) -> Answered:
    return Answered(1.0, PLACE, URL, status)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_an_advice(kind: Kind) -> None:
    """A failure while telling of a failure would tell nothing."""
    line = last_line([gave_up(kind)], failed=True)

    assert line is not None
    assert "not a missing package: index.invalid: " in line or "nor a missing package: " in line
    assert "Try: " in line
    assert "{" not in line
    assert line.isascii()


def test_no_advice_says_try_twice() -> None:
    """Each of them follows a "Try: "."""
    seen = (what_to_do for _, what_to_do in diagnosis._SEEN.values())
    tables = (diagnosis._ADVICE, diagnosis._OF_PROXY, diagnosis._OF_STATUS)
    advices = [*seen, *(one for table in tables for one in table.values())]

    assert [one for one in advices if one.startswith("try")] == []


@pytest.mark.parametrize("kind", Kind)
def test_the_network_is_not_blamed_for_this_machine(kind: Kind) -> None:
    """A full disk is full on every network; and a wrong hash wrong."""
    line = str(last_line([gave_up(kind)], failed=True))
    here = (Kind.CONTRADICTED, Kind.CA_PATH, Kind.CLIENT_PATH, Kind.NO_SOCKS)
    local = kind.whose is Whose.MACHINE or kind in here

    assert line.startswith("this was a network failure, ") is not local
    assert line.startswith("this was neither a network failure ") is local


@pytest.mark.parametrize("kind", [Kind.CA_PATH, Kind.CLIENT_PATH, Kind.NO_SOCKS, Kind.DISK])
@pytest.mark.parametrize("failed", [True, False])
def test_what_is_wrong_here_is_told_before_the_network(kind: Kind, failed: bool) -> None:
    """It fails at once, for every host, and no patience cures it."""
    events = [gave_up(spent=150.0), gave_up(kind, spent=0.0, place="other.invalid")]

    assert f"{kind.said}" in str(last_line(events, failed))


def test_a_missing_file_is_told_with_who_needs_it() -> None:
    """One of several indexes may be the only one by https."""
    line = str(last_line([gave_up(Kind.CA_PATH, place="other.invalid")], failed=True))

    assert "nor a missing package: other.invalid: CA bundle not found (14 attempts" in line


def test_no_advice_is_for_a_kind_that_is_gone() -> None:
    """It would be kept right for nobody."""
    assert set(diagnosis._ADVICE) == set(Kind)


def test_effort_is_told_in_attempts_and_seconds() -> None:
    """It shows that trying again at once is of no use."""
    assert "connection lost (14 attempts in 150 s)." in str(last_line([gave_up()], failed=True))
    assert "(14 attempts)." in str(last_line([gave_up(spent=0.2)], failed=True))


def test_where_a_body_ended_is_told() -> None:
    """Cut "at 612 of 797 MB" is another trouble than "no connection"."""
    line = last_line([gave_up(offset=612_000_000, total=797_300_000)], failed=True)

    assert "connection lost at 612.0/797.3 MB" in str(line)


@pytest.mark.parametrize("by", ["HTTPS_PROXY in the environment", "global.proxy in /etc/pip.conf"])
def test_what_set_a_proxy_is_named(by: str) -> None:
    """Many do not know that they have one."""
    event = gave_up(Kind.REFUSED, proxy="127.0.0.1:7890")
    other = {"--proxy": "http://127.0.0.1:78900", "PIP_PROXY": "http://127.0.0.1"}
    line = last_line([event], True, lambda scheme: {**other, by: "http://127.0.0.1:7890"})

    assert f"through the proxy 127.0.0.1:7890 ({by})" in str(line)


@pytest.mark.parametrize(
    "kind",
    [
        *(Kind.REFUSED, Kind.CONNECT_TIMEOUT, Kind.UNREACHABLE),
        *(Kind.DNS_TEMPORARY, Kind.DNS_UNKNOWN),
    ],
)
def test_a_proxy_that_is_not_reached_is_no_matter_of_the_index(kind: Kind) -> None:
    """Who is told to check the index URL looks in the wrong place."""
    line = str(last_line([gave_up(kind, proxy="127.0.0.1:7890")], failed=True))

    assert "prox" in line.partition(" Try: ")[2] or "its setting" in line
    assert "index" not in line.partition(" Try: ")[2]


def test_too_many_requests_is_an_advice_to_wait() -> None:
    """The server does not fail: it is asked too often."""
    event = GaveUp(1.0, PLACE, URL, Failure(Kind.STATUS, status=429), 3, 9.0, "patience")
    line = str(last_line([event], failed=True))

    assert "HTTP status 429" in line
    assert "Try: wait some minutes, and run less at once: index.invalid limits" in line


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_variable_is_named_that_holds_for_the_urls_scheme(scheme: str) -> None:
    """Two often have one value, and only one of them is in the way."""
    event = gave_up(Kind.REFUSED, proxy="127.0.0.1:7890")._replace(url=f"{scheme}://index.invalid/")
    line = last_line([event], True, lambda scheme: {f"{scheme}_proxy": "127.0.0.1:7890"})

    assert f"({scheme}_proxy)" in str(line)


def test_a_proxy_of_unknown_origin_is_named_alone() -> None:
    """It may be pip's own --proxy."""
    line = last_line([gave_up(proxy="127.0.0.1:7890")], True, lambda scheme: {})

    assert "through the proxy 127.0.0.1:7890: " in str(line)


def test_a_password_in_the_proxy_variable_is_not_told() -> None:
    """The last line is what is pasted into a bug report."""
    event = gave_up(Kind.PROXY_AUTHENTICATION, proxy="proxy.invalid:3128")
    proxies = {"HTTPS_PROXY in the environment": "http://u:hunter2@proxy.invalid:3128"}
    line = last_line([event], True, lambda scheme: proxies)

    assert "hunter2" not in str(line)
    assert "HTTPS_PROXY" in str(line)


def test_the_failure_that_cost_most_is_the_cause() -> None:
    """The last one may only be its consequence."""
    events = [gave_up(place="dead.invalid"), gave_up(spent=0.0, place="other.invalid")]

    assert "dead.invalid" in str(last_line(events, failed=True))


def test_what_pip_went_on_without_is_told_too() -> None:
    """With an extra index missing, pip may install another version, and exit with 0."""
    line = last_line([gave_up()], failed=False)

    assert str(line).startswith("part of this was not answered, so it may be incomplete: ")


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_is_not_a_missing_package(status: int) -> None:
    """pip says "no matching distribution" for all of them."""
    line = last_line([answered(status)], failed=True)

    assert str(line).startswith(
        f"index.invalid answered {status} to {URL}; that is a refusal, not a missing package."
        " Try: check login and rights for index.invalid;"
    )


@pytest.mark.parametrize(("status", "failed"), [(404, True), (403, False), (401, False)])
def test_an_answer_that_explains_nothing_is_not_told(status: int, failed: bool) -> None:
    """A package that is not there is not there, and a login that worked has worked."""
    assert last_line([answered(status)], failed) is None


@pytest.mark.parametrize("final", [True, False])
def test_wrong_bytes_are_told_only_when_they_came_twice(final: bool) -> None:
    """Fetched again and right, they are healed."""
    event = RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", final)
    line = last_line([event], failed=True)

    assert (line is not None) is final
    assert "sha256 hash named by the index page" in str(line) or not final


@pytest.mark.parametrize("failed", [True, False])
def test_a_healthy_or_healed_run_has_no_last_line(failed: bool) -> None:
    """A failure that is not the network's must not be blamed on it."""
    healed = Retried(1.0, PLACE, URL, Failure(Kind.RESET), 1, 0.1, 150.0)

    assert last_line([], failed) is None
    assert last_line([healed], failed) is None


def test_a_disk_that_pip_found_full_comes_first() -> None:
    """The command ended there, whatever else it had gone on without before."""
    full = Failure(Kind.DISK, "/small/tmp")
    line = str(last_line([gave_up()], True, None, full))

    assert line.startswith("this was neither a network failure nor a missing package: ")
    assert "no space left on disk (/small/tmp). Try: free some space" in line
    assert last_line([], True, None, full) == line


def test_a_full_disk_that_we_have_met_is_told_with_what_we_know_of_it() -> None:
    """pip meets the end of it, and knows less."""
    ours = Failure(Kind.DISK, "12.0 MB in /small/tmp")
    event = GaveUp(1.0, PLACE, URL, ours, 1, 0.0, "permanent")
    line = str(last_line([event], True, None, Failure(Kind.DISK)))

    assert "(12.0 MB in /small/tmp)" in line


@pytest.mark.parametrize("failed", [True, False])
def test_a_mirror_that_is_behind_is_told_where_pip_found_nothing(failed: bool) -> None:
    """pip's own words send people to look for a typo."""
    behind = Behind(1.0, "mirror.invalid", URL, 100, 250)
    line = last_line([behind], failed)

    assert (line is not None) is failed
    if failed:
        assert "may not be a missing package: mirror.invalid is behind: " in str(line)
        assert "serial 100" in str(line)
        assert "Try: use another mirror" in str(line)


def test_a_network_failure_is_told_before_a_mirror_that_is_behind() -> None:
    """What was not there because of it may be the very thing."""
    behind = Behind(1.0, "mirror.invalid", URL, 100, 250)

    assert "connection lost" in str(last_line([gave_up(), behind], failed=True))


def source_failed(source: str = "tuna", kind: Kind = Kind.SILENT) -> SourceFailed:
    return SourceFailed(1.0, "mirror.invalid", URL, source, Failure(kind))


def quarantined(source: str = "aliyun") -> Quarantined:
    return Quarantined(1.0, "mirror.invalid", URL, source, "sha256", "aa", "cc", "the index page")


def test_the_last_line_names_the_mirrors_that_had_it_not_either() -> None:
    """Who looks for the cause must know that it was not the index alone."""
    events = [source_failed(), quarantined(), gave_up()]
    line = str(last_line(events, failed=True))

    assert line.endswith(
        ". Mirrors did not have it either (tuna: no answer; aliyun: its sha256 is cc, not aa as"
        " the index page says)"
    )
    assert "connection lost" in line
    assert line.isascii()


def test_each_mirror_is_named_once_with_what_it_did_last() -> None:
    """A run of a hundred packages would fill the screen."""
    events = [source_failed(kind=Kind.RESET)] * 50 + [source_failed(), gave_up()]
    line = str(last_line(events, failed=True))

    assert line.endswith("either (tuna: no answer)")


def test_wrong_bytes_from_everybody_are_told_with_all_digests_and_sources() -> None:
    """It may be an attack, or a broken index: nobody can tell without them."""
    wrong = RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", True)
    line = str(last_line([quarantined("aliyun"), quarantined("tuna"), wrong], failed=True))

    assert line == (
        "index.invalid gave bytes twice that fail the sha256 hash named by the index page"
        " (expected aa, got bb). Try: run pip again without caches in between; if it stays so, do"
        " not install it. Mirrors did not have it either (aliyun: its sha256 is cc, not aa as the"
        " index page says; tuna: its sha256 is cc, not aa as the index page says)"
    )


@pytest.mark.parametrize("failed", [True, False])
def test_mirrors_alone_are_no_last_line(failed: bool) -> None:
    """The host itself, or another mirror, had it after all."""
    assert last_line([source_failed(), quarantined()], failed) is None
