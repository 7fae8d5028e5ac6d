"""Which way does pip take to a host?

The rule: pip's own, release by release: its configuration, then what its
requests reads from the environment and the system. Only chosen here, nothing
is connected to.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from pip_resilient.cli.pip_config import DEFAULT, Source
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pip_resilient.cli.pip_config import PipConfig, Value

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_YES = ("1", "true", "yes", "on", "y", "t")  # as pip's own strtobool
_OPTION_WINS = (22, 3)
"""Since this pip its --proxy is stronger than the environment's (network/session.py, request)."""
_WHOLE_LABELS = (26, 2)
"""Since this pip NO_PROXY names hosts by whole labels; before `st.invalid` named `host.invalid`."""
_SYSTEM_STORE = (24, 2)
"""Since this pip the system's CA certificates count too, on Python 3.10 and newer (truststore)."""


class Proxy(Record):
    """A proxy and what set it.

    Attributes:
        url: With its login, for connecting.
        source: What set it.
    """

    url: str
    source: Source


def proxy_of(url: str, config: PipConfig, system: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that pip takes for a URL, or None.

    Args:
        url: What is asked for.
        config: pip's configuration, the environment's variables among it.
        system: What the system's settings say (urllib.request.getproxies), by scheme.
    """
    named = config.values.get("proxy")
    no_environment = config.text("no-proxy-env").lower() in _YES
    around = None if no_environment else _of_environment(url, config, system)
    if named is not None and (around is None or config.release() >= _OPTION_WINS):
        return Proxy(_with_scheme(named.text), named.source)
    return around


def _of_environment(url: str, config: PipConfig, system: Mapping[str, str]) -> Proxy | None:
    parts, values = urlsplit(url), config.values
    bypass = next((values[name].text for name in ("no_proxy", "NO_PROXY") if name in values), "")
    whole = config.release() >= _WHOLE_LABELS
    if _is_bypassed(parts.hostname or "", parts.port, bypass, whole):
        return None
    for scheme in (parts.scheme, "all"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            if name in values:
                return Proxy(_with_scheme(values[name].text), values[name].source)
        if scheme in system:
            return Proxy(_with_scheme(system[scheme]), Source("system"))
    return None


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_bypassed(host: str, port: int | None, bypass: str, whole: bool) -> bool:
    """Tell whether NO_PROXY names a host, by requests' own rule or by the standard library's.

    requests 2.24 to 2.34, utils.py, should_bypass_proxies: networks are those of
    IPv4 alone, and whole labels are meant since 2.34.
    """
    words = [word for word in bypass.replace(" ", "").split(",") if word.strip(".")]
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        names, ends = (host, f"{host}:{port}"), words
        if whole:
            names = (f".{host}", f".{host}:{port}")
            ends = [f".{word.lstrip('.')}" for word in words]
        named = any(name.endswith(end) for end in ends for name in names)
    else:
        named = any(_holds(word, address) for word in words)
    return named or bool(proxy_bypass_environment(host, {"no": bypass}))


def _holds(network: str, address: ipaddress.IPv4Address) -> bool:
    try:
        return address in ipaddress.IPv4Network(network, strict=False)
    except ValueError:
        return False


def ca_of(config: PipConfig) -> Value | None:
    """Return what names the CA bundle; None: pip's default.

    requests lets its variables win over pip's --cert (sessions.py, merge_environment_settings).
    """
    return next(
        (config.values[name] for name in (*_CA_VARIABLES, "cert") if name in config.values), None
    )


def takes_system_store(config: PipConfig, python: tuple[int, int]) -> bool:
    """Tell whether pip believes the system's CA certificates too."""
    legacy = "legacy-certs" in config.text("use-deprecated")
    return config.release() >= _SYSTEM_STORE and python >= (3, 10) and not legacy


def is_trusted(url: str, config: PipConfig) -> bool:
    """Tell whether pip was told to trust a host unseen (--trusted-host)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return any(
        word.lower() in (host, f"{host}:{parts.port}")
        for word in config.text("trusted-host").split()
    )


def is_ignored(url: str, config: PipConfig) -> bool:
    """Tell whether pip ignores an index, since it is plain http and not of this machine.

    pip 20.3 to 26.3, network/session.py, SECURE_ORIGINS.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or is_trusted(url, config):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def is_web(url: str) -> bool:
    """Tell whether a URL is one of http or https, and no folder of this machine."""
    return url.partition("://")[0].lower() in ("http", "https")


def asks_no_index(config: PipConfig) -> bool:
    """Tell whether pip is told to ask no index."""
    return config.text("no-index").lower() in _YES


def links_of(config: PipConfig) -> list[tuple[str, Source]]:
    """Return the pages and folders of --find-links, each with what named it."""
    found = config.values.get("find-links")
    if found is None:
        return []
    return [(os.path.expanduser(word), found.source) for word in found.text.split()]


def indexes_of(config: PipConfig, asked: Iterable[str] = ()) -> list[tuple[str, Source]]:
    """Return the indexes to look at, each with what named it.

    Args:
        config: pip's configuration.
        asked: Those of the command line; where there are any, no others count.
    """
    given = [(url, Source("argument")) for url in asked]
    if given:
        return given
    main = config.values.get("index-url")
    found = [(config.index_url, DEFAULT)] if main is None else [(main.text.strip(), main.source)]
    extra = config.values.get("extra-index-url")
    if extra is not None:
        found += [(url, extra.source) for url in extra.text.split()]
    once: dict[str, Source] = {}
    for url, source in found:
        once.setdefault(url, source)
    return [(url, source) for url, source in once.items() if url]
