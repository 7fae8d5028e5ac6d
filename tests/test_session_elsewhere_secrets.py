"""What does another host get to see when it is asked in the place of one?"""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pip._internal.network import session as session_module

from pip_resilient.mirrors.declared import Source
from pip_resilient.policy.disclosure import Forbidden, Given, carried, is_public, next_hop
from pip_resilient.session.elsewhere import Elsewhere, Unusable

if TYPE_CHECKING:
    from pip_resilient.session.outcome import Options

SECRET, OWN = "hunter2", "jim:own-password"
HOSTS = ("index.corp.test", "one.mirror.test", "two.mirror.test", "127.0.0.1", "10.0.0.7")
ORIGIN = "https://index.corp.test/simple/demo/"
MIRROR = "https://one.mirror.test/simple/"

names = st.sampled_from(
    ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Referer", "If-None-Match"]
) | st.from_regex(r"\AX-[A-Za-z]{1,8}\Z")
secrets = st.dictionaries(names, st.just(SECRET), max_size=6)
hosts = st.sampled_from(HOSTS)
places = st.builds(
    "{}://{}{}{}/{}".format,
    st.sampled_from(["https", "https", "https", "http", "file", "HTTPS"]),
    st.sampled_from(["", "", f"jane:{SECRET}@"]),
    hosts,
    st.sampled_from(["", ":443", ":8443"]),
    st.sampled_from(["", "a.whl", f"a.whl?signature={SECRET}"]),
)
locations = places | st.sampled_from(["/again", "../x", "//two.mirror.test/x", "", "http://[", "?"])


class Answers:
    """Stands in for pip's adapter: answers each request with the next redirect, or with 200."""

    def __init__(self, way: list[str]) -> None:
        self.way = list(way)
        self.sent: list[tuple[str, dict[str, str], Any]] = []

    def for_url(self, url: str) -> Answers:
        return self

    def send_raw(self, request: Any, options: Options) -> Any:
        self.sent.append((request.url, dict(request.headers), options.cert))
        if not self.way:
            return SimpleNamespace(status=200, headers={}, close=lambda: None)
        headers = {"Location": self.way.pop(0)}
        return SimpleNamespace(status=302, headers=headers, close=lambda: None)


class Dialer:
    """Stands in for ours: connects to nobody."""

    def ask(self, **how: Any) -> Dialer:
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def reached_public(self) -> bool:
        return True


def elsewhere(headers: dict[str, str], answers: Answers) -> Elsewhere:
    """Return what asks other hosts for a request with these headers and a client certificate."""
    found = {"verify": True, "proxies": {}}
    session = SimpleNamespace(
        trust_env=False,
        cert="client.pem",
        merge_environment_settings=lambda *_: {**found, "cert": "client.pem"},
    )
    run = SimpleNamespace(
        stack=SimpleNamespace(requests=session_module.requests),
        settings=SimpleNamespace(connect_timeout=1.0),
        respelled=set(),
        dialer=Dialer(),
        memory=SimpleNamespace(private_there=set()),
    )
    answers.resilient_session = lambda: session  # type: ignore[attr-defined]
    request = SimpleNamespace(url=ORIGIN, headers=headers)
    exchange = SimpleNamespace(
        run=run, adapter=answers, request=request, time_left=lambda: None, options=None
    )
    return Elsewhere(exchange)  # type: ignore[arg-type]


@given(secrets, st.lists(locations, max_size=7), st.none() | places)
@example({}, [], f"https://jane:{SECRET}@one.mirror.test/a.whl")
@example({}, [f"https://jane:{SECRET}@two.mirror.test/", MIRROR], None)
def test_no_redirect_brings_a_secret_to_anybody(
    headers: dict[str, str], way: list[str], named: str | None
) -> None:
    """Not pip's to the mirror, not the mirror's to the next one, and no client certificate."""
    answers = Answers(way)
    source = Source("one", "", MIRROR, None, "one", named=True, pages=True, login=OWN)
    asked = elsewhere(headers, answers)
    try:
        if named is None:
            asked.ask(source, MIRROR + "demo/", {"Accept": "*/*"})
        else:
            asked.ask(source, named, {"Accept": "*/*"}, MIRROR + "demo/")
    except Unusable:
        pass

    for url, sent, cert in answers.sent:
        parts = urlsplit(url)
        own = sent.pop("Authorization", None)
        assert cert is None
        assert SECRET not in repr(sent)
        assert parts.scheme == "https"
        assert parts.hostname != urlsplit(ORIGIN).hostname or parts.port not in (None, 443)
        assert is_public(parts.hostname or "")
        assert parts.username is None
        if own is not None:
            assert base64.b64decode(own[6:]).decode() == OWN
            assert (parts.hostname, parts.port or 443) == ("one.mirror.test", 443)
    assert len(answers.sent) <= 6


@given(secrets, st.lists(locations, max_size=7))
def test_what_was_given_for_an_origin_goes_to_no_other(
    headers: dict[str, str], way: list[str]
) -> None:
    """Whatever chain of redirects leads away from it, and even back."""
    url = "https://one.mirror.test/x"
    for hops, location in enumerate(way):
        try:
            url = next_hop(url, location, hops, from_public=True)
        except Forbidden:
            break
        sent = carried(Given(ORIGIN, headers, "client.pem"), url, {"Range": "bytes=1-"})
        parts = urlsplit(url)
        home = (parts.scheme, parts.hostname, parts.port or 443) == ("https", HOSTS[0], 443)

        assert home or (SECRET not in repr(sent.headers) and sent.cert is None)
        assert parts.username is None
        assert is_public(parts.hostname or "")


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "10.1", "017700000001"])
def test_an_address_is_private_however_it_is_spelt(host: str) -> None:
    """A proxy would connect to it; and so would this machine's resolver."""
    assert not is_public(host)
    with pytest.raises(Forbidden):
        next_hop("https://one.mirror.test/", f"https://{host}/", 0, from_public=True)


@pytest.mark.parametrize("hop", ["https://*.test/x", "https://.test/x", f"https://{'a' * 80}\xe4/"])
def test_a_redirect_to_what_is_no_host_ends_the_sources_turn_alone(hop: str) -> None:
    """requests refuses such URLs; an error of ours would leave pip without us."""
    source = Source("one", "", MIRROR, None, "one", named=True, pages=True)
    with pytest.raises(Unusable):
        elsewhere({}, Answers([hop])).ask(source, MIRROR + "demo/", {})


def test_a_part_is_taken_only_where_a_part_was_asked_for() -> None:
    """Else the beginning of a page would pass for the page."""
    answers = Answers([])
    source = Source("one", "", MIRROR, None, "one", named=True, pages=True)

    def partly(request: Any, options: Options) -> Any:
        return SimpleNamespace(status=206, headers={}, close=lambda: None)

    answers.send_raw = partly  # type: ignore[method-assign]
    with pytest.raises(Unusable):
        elsewhere({}, answers).ask(source, MIRROR + "demo/", {})
    answer = elsewhere({}, answers).ask(source, MIRROR + "demo/", {"Range": "bytes=1-"})

    assert answer.up.status == 206
