"""What can be pasted to put it right?

The rule: a line that undoes what set the culprit, where it was set: the
variable, or the key in pip's file by `pip config`. No line lowers security, and
none holds a password. On Windows they are such as cmd reads.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from pip_resilient.cli.pip_config import Source

WINDOWS = os.name == "nt"
_REMARK = "rem" if WINDOWS else "#"


def _assign(name: str, value: str) -> tuple[str, ...]:
    return (f"set {name}={value}" if WINDOWS else f"export {name}={value}",)


def _either(posix: str, windows: str) -> tuple[str, ...]:
    return (windows if WINDOWS else posix,)


ARM = _assign("PIP_RESILIENT", "1")
"""Then pip retries, resumes, and takes another address."""
_CLOCK = _either("sudo timedatectl set-ntp true", "w32tm /resync")
_ROOM = _either("export TMPDIR=/var/tmp", "set TMP=D:\\TMP")
_CERTIFICATE = _assign("PIP_CERT", "/path/to/the-ca-of-your-network.pem")
_MTU = _either(
    "sudo ip link set dev eth0 mtu 1300  # the interface that leads out",
    'netsh interface ipv4 set subinterface "Ethernet" mtu=1300',
)
_OF_CAUSE = {
    "clock": _CLOCK,
    "room": _ROOM,
    "no_pip": ("python -m ensurepip --upgrade",),
    "tls_silence": _MTU,
    "one_family": ARM,
    "some_addresses": ARM,
    "slow": ARM,
}
_OF_KIND = {
    Kind.TOO_EARLY: _CLOCK,
    Kind.DISK: _ROOM,
    Kind.CERTIFICATE: _CERTIFICATE,
}
_NO_USE_IN_TRYING = (Kind.INTERCEPTED, Kind.REFUSED)
_TO_BE_UNSET = (Kind.CA_PATH, Kind.CLIENT_PATH, Kind.NO_SOCKS, Kind.DNS_UNKNOWN)
_OF_PROXY = (Kind.REFUSED, Kind.CONNECT_TIMEOUT, Kind.UNREACHABLE, Kind.DNS_TEMPORARY)


def of_cause(cause: str, source: Source | None) -> tuple[str, ...]:
    """Return the lines for what was seen; arguments as of `diagnosis.seen` and `Finding`."""
    if cause in ("no_index", "insecure", "stale", "user_agent") and source is not None:
        return set_to(source, "https://HOST/simple/")
    if cause == "no_folder" and source is not None:
        return unset(source)
    return _OF_CAUSE.get(cause, ())


def of_failure(failure: Failure, source: Source | None) -> tuple[str, ...]:
    """Return the lines for a failure.

    Args:
        failure: What happened.
        source: What set the proxy, where one is to blame; else what set the index.
    """
    kind = failure.kind
    if source is not None and failure.proxy and kind is Kind.PROXY_SCHEME:
        return set_to(source, f"http://{failure.proxy}")
    if source is not None and failure.proxy and kind is Kind.PROXY_AUTHENTICATION:
        return set_to(source, f"http://USER:PASSWORD@{failure.proxy}")
    if source is not None and (kind in _TO_BE_UNSET or (failure.proxy and kind in _OF_PROXY)):
        return unset(source)
    if kind in _OF_KIND:
        return _OF_KIND[kind]
    return ARM if kind.transient and kind not in _NO_USE_IN_TRYING else ()


def unset(source: Source) -> tuple[str, ...]:
    """Return what takes a value away."""
    if source.kind == "environment":
        return _either(f"unset {source.name}", f"set {source.name}=")
    if source.kind == "file" and source.level != "env":
        return (f"python -m pip config --{source.level} unset {source.name}",)
    if source.kind == "file":
        return (f"{_REMARK} remove {source.name} from {source.path}",)
    return ()


def set_to(source: Source, value: str) -> tuple[str, ...]:
    """Return what gives a value."""
    if source.kind == "environment":
        return _assign(source.name, value)
    if source.kind == "file" and source.level != "env":
        return (f"python -m pip config --{source.level} set {source.name} {value}",)
    if source.kind == "file":
        return (f"{_REMARK} write {source.name} = {value} in {source.path}",)
    return ()
