"""What do the events mean, in one sentence for the person at the terminal?

The rule: causes are data: each kind of failure has its sentence and its
advice here and nowhere else. Only what the events show is said, and where a
variable or an option set the culprit, it is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.events import Answered, GaveUp, Quarantined, RightBytesAgain, SourceFailed
from pip_resilient.messages import progress
from pip_resilient.policy.failure import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pip_resilient.events import Event

# What to do; {place} is the host, {proxy_set_by} what named the proxy.
_ADVICE = {
    Kind.REFUSED: "check the index URL, or try again later",
    Kind.CONNECT_TIMEOUT: "check whether a firewall or VPN drops connections to {place}",
    Kind.UNREACHABLE: "check that this machine is online",
    Kind.DNS_TEMPORARY: "check the DNS server of this machine or container",
    Kind.DNS_UNKNOWN: "check the spelling of {place} in --index-url, PIP_INDEX_URL or pip.conf",
    Kind.SILENT: (
        "try again later; if {place} is only slow, a larger PIP_RESILIENT_READ_TIMEOUT helps"
    ),
    Kind.RESET: "try another network or a VPN: something on the way cuts connections to {place}",
    Kind.TRUNCATED: "try another network: something on the way cuts long transfers",
    Kind.CRAWL: "try another network, or a nearer mirror with --index-url",
    Kind.TLS_EOF: "try without the proxy or VPN: something on the way cuts TLS to {place}",
    Kind.TLS_DAMAGED: "switch off HTTPS scanning in antivirus software, or try another network",
    Kind.GARBLED: "check the server or proxy in between: its answers are broken",
    Kind.STATUS: "try again later: the server itself says that it fails",
    Kind.INTERCEPTED: "open a browser and log in to this network",
    Kind.WRONG_BYTES: "try again without caches in between; if it stays so, do not install it",
    Kind.CHANGED: "try again: the file was replaced during the download",
    Kind.CERTIFICATE: (
        "if your network inspects TLS, give its CA by --cert or PIP_CERT; also check the clock"
    ),
    Kind.TLS_PROTOCOL: "check that the URL's https:// is right for {place}",
    Kind.CLIENT_CERTIFICATE: "give yours for {place} by --client-cert or PIP_CLIENT_CERT",
    Kind.PROXY_AUTHENTICATION: "put user and password into the proxy's URL{proxy_set_by}",
    Kind.PROXY_FORBIDS: "ask for {place} to be allowed by the proxy",
    Kind.PROXY_SCHEME: "write http:// instead of https:// where the proxy is set{proxy_set_by}",
    Kind.CA_PATH: "correct --cert, PIP_CERT, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE",
    Kind.NO_SSL: "use a Python that was built with OpenSSL",
    Kind.NO_SOCKS: "unset ALL_PROXY, or install PySocks",
    Kind.DISK: "free some space, or set TMPDIR to a larger disk",
    Kind.CONTRADICTED: "correct the hash in the requirement, or ask who named it",
    Kind.STACK: "check the URL and pip's network options",
}
_PROXY_VARIABLES = tuple(
    name for stem in ("https", "http", "all") for name in (f"{stem}_proxy", f"{stem}_proxy".upper())
)
# Neither the network nor a server can do anything about them.
_NOT_THE_NETWORK = (Kind.DISK, Kind.NO_SSL, Kind.CONTRADICTED)
# These answer something else than "is it there": worth a line if the command fails.
_TELLING_STATUSES = (401, 403, 407, 410)


def last_line(
    events: Sequence[Event], failed: bool, environ: Mapping[str, str] | None = None
) -> str | None:
    """Write the line that stands after pip's own last one, or None if there is nothing to say.

    Args:
        events: Those of the run.
        failed: Whether pip reported an error.
        environ: The environment, to name the variable that set a proxy.
    """
    given_up = [event for event in events if isinstance(event, GaveUp)]
    if given_up:
        return _of_failure(given_up, failed, environ or {}) + _of_mirrors(events)
    wrong = [event for event in events if isinstance(event, RightBytesAgain) and event.final]
    if wrong:
        last = wrong[-1]
        return (
            f"{last.place} gave bytes twice that fail the {last.algorithm} hash named by"
            f" {last.named_by} (expected {last.expected}, got {last.got})."
            f" Try: {_ADVICE[Kind.WRONG_BYTES]}{_of_mirrors(events)}"
        )
    answers = [e for e in events if isinstance(e, Answered) and e.status in _TELLING_STATUSES]
    if failed and answers:
        return (
            f"{answers[-1].place} answered {answers[-1].status} to {answers[-1].url};"
            " that is a refusal, not a missing package"
        )
    return None


def _of_failure(given_up: list[GaveUp], failed: bool, environ: Mapping[str, str]) -> str:
    cause = max(given_up, key=lambda event: event.spent)
    failure = cause.failure
    if failed and failure.kind in _NOT_THE_NETWORK:
        begin = "this was neither a network failure nor a missing package"
        return f"{begin}: {failure.said}. Try: {_ADVICE[failure.kind]}"
    who, set_by = cause.place, ""
    if failure.proxy:
        set_by = _set_by(failure.proxy, environ)
        who = f"{cause.place} through the proxy {failure.proxy}{set_by}"
    what = failure.said
    if cause.total is not None and cause.offset:
        what += f" at {progress(cause.offset, cause.total)}"
    effort = f"{cause.attempts} attempt{'s' if cause.attempts != 1 else ''}"
    if cause.spent >= 1.0:
        effort += f" in {cause.spent:.0f} s"
    begin = (
        "this was a network failure, not a missing package"
        if failed
        else "part of this was not answered, so it may be incomplete"
    )
    advice = _ADVICE[failure.kind].format(place=cause.place, proxy_set_by=set_by)
    if cause.why == "deadline":
        advice = "set a larger PIP_RESILIENT_DEADLINE, or none"
    return f"{begin}: {who}: {what} ({effort}). Try: {advice}"


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


def _set_by(proxy: str, environ: Mapping[str, str]) -> str:
    for name in _PROXY_VARIABLES:
        if proxy and proxy in environ.get(name, ""):
            return f" ({name} in the environment)"
    return ""
