"""What do the events mean, in one sentence for the person at the terminal?

The rule: causes are data: each kind of failure, and each cause that only a
look around can find, has its sentence and its advice here and nowhere else,
for the last line of an install and for `doctor`. Only what the events show is
said, and where a variable or an option set the culprit, it is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.events import (
    Answered,
    Behind,
    GaveUp,
    Quarantined,
    RightBytesAgain,
    SourceFailed,
)
from pip_resilient.exceptions import place_of_proxy
from pip_resilient.messages import progress
from pip_resilient.policy.failure import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pip_resilient.events import Event
    from pip_resilient.policy.failure import Failure

# What to do; {place} is the host, {proxy_set_by} what named the proxy.
_ADVICE = {
    Kind.REFUSED: "check the index URL, or try again later",
    Kind.CONNECT_TIMEOUT: "check whether a firewall or VPN drops connections to {place}",
    Kind.UNREACHABLE: "check that this machine is online",
    Kind.DNS_TEMPORARY: "check the DNS server of this machine or container",
    Kind.DNS_UNKNOWN: "check the spelling of {place} in --index-url, PIP_INDEX_URL or pip.conf",
    Kind.SILENT: (
        "run pip again later; if {place} is only slow, a larger PIP_RESILIENT_READ_TIMEOUT helps"
    ),
    Kind.RESET: "use another network or a VPN: something on the way cuts connections to {place}",
    Kind.TRUNCATED: "use another network: something on the way cuts long transfers",
    Kind.CRAWL: "use another network, or a nearer mirror with --index-url",
    Kind.TLS_EOF: "do without the proxy or VPN: something on the way cuts TLS to {place}",
    Kind.TLS_DAMAGED: "switch off HTTPS scanning in antivirus software, or try another network",
    Kind.GARBLED: "check the server or proxy in between: its answers are broken",
    Kind.STATUS: "run pip again later: the server itself says that it fails",
    Kind.INTERCEPTED: "open a browser and log in to this network",
    Kind.WRONG_BYTES: "run pip again without caches in between; if it stays so, do not install it",
    Kind.CHANGED: "run pip again: the file was replaced during the download",
    Kind.TOO_LARGE: "check the index URL: no index has a page of that size",
    Kind.CERTIFICATE: "if your network inspects TLS, give its CA by --cert or PIP_CERT",
    Kind.TOO_EARLY: "set this machine's clock right: most likely it is behind",
    Kind.EXPIRED: "check this machine's clock; if it is right, {place} has to renew its own",
    Kind.OTHER_HOST: (
        "open a browser and log in to this network; if there is no login, check the DNS:"
        " somebody else answers for {place}"
    ),
    Kind.AGAINST_RULES: (
        "ask for a CA certificate that keeps RFC 5280; Python 3.12 does not insist on it"
    ),
    Kind.TLS_PROTOCOL: "check that the URL's https:// is right for {place}",
    Kind.TLS_REFUSED: (
        "give a client certificate for {place} by --client-cert or PIP_CLIENT_CERT if it wants"
        " one; else it has no cipher in common with this Python's OpenSSL"
    ),
    Kind.CLIENT_CERTIFICATE: "give yours for {place} by --client-cert or PIP_CLIENT_CERT",
    Kind.PROXY_AUTHENTICATION: "put user and password into the proxy's URL{proxy_set_by}",
    Kind.PROXY_FORBIDS: "ask for {place} to be allowed by the proxy",
    Kind.PROXY_SCHEME: "write http:// instead of https:// where the proxy is set{proxy_set_by}",
    Kind.CA_PATH: "correct --cert, PIP_CERT, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE",
    Kind.CLIENT_PATH: "correct --client-cert or PIP_CLIENT_CERT",
    Kind.NO_SSL: "use a Python that was built with OpenSSL",
    Kind.NO_SOCKS: "install PySocks, or remove that proxy's setting{proxy_set_by}",
    Kind.DISK: "free some space, or set TMPDIR to a larger disk",
    Kind.CONTRADICTED: "correct the hash in the requirement, or ask who named it",
    Kind.STACK: "check the URL and pip's network options",
}
# The same, where it is the proxy that is not reached.
_PROXY_IS_NOT_THERE = "start that proxy again, or remove its setting"
_OF_PROXY = {
    Kind.REFUSED: _PROXY_IS_NOT_THERE,
    Kind.CONNECT_TIMEOUT: "check whether that proxy works, or remove its setting",
    Kind.UNREACHABLE: _PROXY_IS_NOT_THERE,
    Kind.DNS_TEMPORARY: "check the DNS server, or remove the proxy's setting",
    Kind.DNS_UNKNOWN: "correct the proxy's name, or remove its setting",
}
OF_MIRROR = "choose others with pip-resilient mirrors --set, or do nothing: pip can do without it"
"""About one that would only help out."""
_OF_STATUS = {
    429: "wait some minutes, and run less at once: {place} limits how often this network may ask",
}
_ROOM = "only {free} are free in {path}{set_by}"
# What takes a look around to be seen: (what is said, what to do).
_SEEN = {
    "clock": ("this machine's clock is {by}", "set this machine's clock right"),
    "refusal": (
        "{place} answered {status} to {url}; that is a refusal, not a missing package",
        (
            "check login and rights for {place}; if they are right, pip-resilient doctor tells"
            " whether a filter turns pip away"
        ),
    ),
    "user_agent": (
        "{place} answers {status} to pip's own User-Agent, and 200 to another",
        "use another index: a filter before {place} turns pip away",
    ),
    "no_index": (
        "{place} answered {status} to {url}: no index is there",
        "correct the path of the index{set_by}; most end in /simple/",
    ),
    "no_page": (
        "{place} answered {url} with what is no index page ({why})",
        "correct the path of the index{set_by}; a cache or filter in between may be to blame",
    ),
    "unverified": (
        "{place} is trusted unseen{set_by}: pip verifies nothing that comes from it",
        "take it out of trusted-host; most hosts have https, and a CA can be given by PIP_CERT",
    ),
    "some_addresses": (
        "{place}: {bad} of its {all} addresses fail ({address}: {said})",
        "run pip again: the others work; if it lasts, tell who runs {place}",
    ),
    "one_family": (
        "{place}: {family} fails ({address}: {said}), {other} works",
        "switch {family} off on this machine, or repair its route",
    ),
    "tls_silence": (
        "{who}: TCP connects, but TLS is never answered",
        "lower the MTU of this link or VPN; if that does not help, use another network",
    ),
    "insecure": (
        "{place} is written http://, so pip ignores it",
        "write https:// instead{set_by}",
    ),
    "no_folder": ("{place} is not there", "correct or remove it{set_by}"),
    "stale": ("{place} is behind: {by}", "use another mirror until it has caught up"),
    "slow": ("{place} brings only {speed}", "use a nearer mirror, or raise --timeout"),
    "room": (_ROOM, "free some space, or set TMPDIR to a larger disk"),
    "room_for_cache": (_ROOM, "free some space, or set PIP_CACHE_DIR to a larger disk"),
    "room_for_packages": (_ROOM, "free some space there"),
    "no_pip": ("pip itself does not start ({said})", "repair pip with ensurepip"),
    "configuration": (
        "{path} cannot be read as pip's configuration",
        "correct or remove that file: pip stops at it",
    ),
}
# The same whatever is asked for: no place is named.
_ANYWHERE = (Kind.DISK, Kind.NO_SSL, Kind.CONTRADICTED)
NOT_THE_NETWORK = frozenset({*_ANYWHERE, Kind.CA_PATH, Kind.CLIENT_PATH, Kind.NO_SOCKS})
"""Neither the network nor a server can do anything about them, so they are told first."""
_NEITHER = "this was neither a network failure nor a missing package"
# These answer something else than "is it there": worth a line if the command fails.
_TELLING_STATUSES = (401, 403, 410)


def last_line(
    events: Sequence[Event],
    failed: bool,
    proxies: Callable[[str], Mapping[str, str]] | None = None,
    met: Failure | None = None,
) -> str | None:
    """Write the line that stands after pip's own last one, or None if there is nothing to say.

    Args:
        events: Those of the run.
        failed: Whether pip reported an error.
        proxies: Gives the proxies that are set for a scheme, by what sets each, the
            strongest first.
        met: What pip itself met that is neither the network's nor a server's fault.
    """
    given_up = [event for event in events if isinstance(event, GaveUp)]
    if met is not None and not any(event.failure.kind is met.kind for event in given_up):
        return _of_this_machine(met)
    if given_up:
        return _of_failure(given_up, failed, proxies) + _of_mirrors(events)
    wrong = [event for event in events if isinstance(event, RightBytesAgain) and event.final]
    if wrong:
        last = wrong[-1]
        return (
            f"{last.place} gave bytes twice that fail the {last.algorithm} hash named by"
            f" {last.named_by} (expected {last.expected}, got {last.got})."
            f" Try: {_ADVICE[Kind.WRONG_BYTES]}{_of_mirrors(events)}"
        )
    behind = [event for event in events if isinstance(event, Behind)]
    if failed and behind:
        return _of_what_is_behind(behind[-1])
    answers = [e for e in events if isinstance(e, Answered) and e.status in _TELLING_STATUSES]
    if failed and answers:
        last_answer = answers[-1]
        place, status, url = last_answer.place, last_answer.status, last_answer.url
        said, what_to_do = seen("refusal", place=place, status=status, url=url)
        return f"{said}. Try: {what_to_do}"
    return None


def _of_what_is_behind(page: Behind) -> str:
    by = f"it gave serial {page.serial} for {page.url}, PyPI itself has named {page.newest}"
    said, what_to_do = seen("stale", place=page.place, by=by)
    return f"this may not be a missing package: {said}. Try: {what_to_do}"


def _of_this_machine(failure: Failure) -> str:
    return f"{_NEITHER}: {failure.said}. Try: {_ADVICE[failure.kind]}"


def _of_failure(
    given_up: list[GaveUp], failed: bool, proxies: Callable[[str], Mapping[str, str]] | None
) -> str:
    cause = max(given_up, key=lambda event: (event.failure.kind in NOT_THE_NETWORK, event.spent))
    failure = cause.failure
    if failed and failure.kind in _ANYWHERE:
        return _of_this_machine(failure)
    set_by = ""
    if failure.proxy and proxies is not None:
        set_by = _set_by(failure.proxy, proxies(cause.url.partition(":")[0]))
    what = failure.said
    if cause.total is not None and cause.offset:
        what += f" at {progress(cause.offset, cause.total)}"
    effort = f"{cause.attempts} attempt{'s' if cause.attempts != 1 else ''}"
    if cause.spent >= 1.0:
        effort += f" in {cause.spent:.0f} s"
    begin = "part of this was not answered, so it may be incomplete"
    if failed:
        network = failure.kind not in NOT_THE_NETWORK
        begin = "this was a network failure, not a missing package" if network else _NEITHER
    what_to_do = advice(failure, cause.place, set_by)
    if cause.why == "deadline":
        what_to_do = "set a larger PIP_RESILIENT_DEADLINE, or unset it"
    return f"{begin}: {who(failure, cause.place, set_by)}: {what} ({effort}). Try: {what_to_do}"


def who(failure: Failure, place: str, set_by: str = "") -> str:
    """Name who failed: a host, and the proxy before it with what set that."""
    if failure.proxy is None:
        return place
    return f"{place} through the proxy {failure.proxy}{set_by}"


def advice(failure: Failure, place: str, set_by: str = "") -> str:
    """Say what to do about a failure.

    Args:
        failure: What happened.
        place: The host that was asked.
        set_by: What named the proxy, ` (HTTPS_PROXY in the environment)`, or nothing.
    """
    what_to_do = _ADVICE[failure.kind]
    if failure.proxy:
        what_to_do = _OF_PROXY.get(failure.kind, what_to_do)
    if failure.kind is Kind.STATUS and failure.status in _OF_STATUS:
        what_to_do = _OF_STATUS[failure.status]
    return what_to_do.format(place=place, proxy_set_by=set_by)


def seen(cause: str, **values: object) -> tuple[str, str]:
    """Say what was seen, and what to do about it.

    Args:
        cause: One of the names of `_SEEN`.
        **values: What its sentences leave open.
    """
    said, what_to_do = _SEEN[cause]
    return said.format(**values), what_to_do.format(**values)


def _of_mirrors(events: Sequence[Event]) -> str:
    """Say what became of the mirrors that were asked."""
    said = {}
    for event in events:
        if isinstance(event, SourceFailed):
            said[event.source] = event.failure.said
        elif isinstance(event, Quarantined):
            said[event.source] = (
                f"its {event.algorithm} is {event.got}, not {event.expected} as"
                f" {event.named_by} says"
            )
    told = "; ".join(f"{source}: {what}" for source, what in said.items())
    return f". Mirrors did not have it either ({told})" if told else ""


def _set_by(proxy: str, proxies: Mapping[str, str]) -> str:
    names = (name for name, text in proxies.items() if place_of_proxy(text) == proxy)
    return next((f" ({name})" for name in names), "")
