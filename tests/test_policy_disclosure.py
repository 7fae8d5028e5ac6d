"""Does what was given for one host stay with it?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pip_resilient.policy.disclosure import headers_for, origin_of, place_of, without_secrets

HERE = "https://index.invalid/simple/demo/"
ELSEWHERE = "https://files.invalid/demo.whl"
SECRET = "hunter2"

SECRETS = ["Authorization", "Proxy-Authorization", "Cookie", "X-Token", "Referer", "Host"]
CONDITIONS = ["If-None-Match", "If-Modified-Since", "If-Match", "If-Range", "Range"]
ALLOWED = ["Accept", "Accept-Encoding", "User-Agent"]

header_names = st.sampled_from([*SECRETS, *CONDITIONS, *ALLOWED]) | st.from_regex(
    r"\A[A-Za-z-]{1,20}\Z"
)
cases = st.sampled_from([str, str.lower, str.upper, str.title])
headers = st.dictionaries(
    st.builds(lambda name, case: str(case(name)), header_names, cases), st.just(SECRET)
)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.~%", min_size=1, max_size=20)
hosts = st.sampled_from(["index.invalid", "127.0.0.1", "[2001:db8::1]", "INDEX.invalid"])
odd_urls = [
    "",
    "http://[",
    "http://[::1",
    "http://host:99999/",
    "http://host:port/",
    "//",
    "http://u:p@[/",
    "http://host\N{FULLWIDTH SOLIDUS}x/",
]


@given(headers)
def test_only_what_is_allowed_goes_to_another_origin(given_headers: dict[str, str]) -> None:
    """A password for one index would be sent to whom it redirects to."""
    sent = headers_for(given_headers, HERE, ELSEWHERE)

    assert {name.lower() for name in sent} <= {name.lower() for name in ALLOWED}


@given(headers)
def test_to_its_own_origin_all_goes_but_the_conditions(given_headers: dict[str, str]) -> None:
    """Without its password an index answers 401; with pip's own condition it answers 304."""
    sent = headers_for(given_headers, HERE, HERE + "other")
    conditions = {name.lower() for name in [*CONDITIONS, "If-Unmodified-Since"]}

    assert {name.lower() for name in sent} == {name.lower() for name in given_headers} - conditions


@pytest.mark.parametrize(
    "goes_to",
    [
        "http://index.invalid/simple/demo/",
        "https://index.invalid:8443/",
        "https://sub.index.invalid/",
        "https://index.invalid.evil.invalid/",
        "https://evil.invalid/index.invalid/",
        "https://index.invalid@evil.invalid/",
        *odd_urls,
    ],
)
def test_another_scheme_port_or_host_is_another_origin(goes_to: str) -> None:
    """A password sent by plain http, or to a look-alike, is a password given away."""
    assert headers_for({"Authorization": SECRET}, HERE, goes_to) == {}


@pytest.mark.parametrize(
    "goes_to",
    ["https://INDEX.invalid/x", "HTTPS://index.invalid:443/x", "https://u:p@index.invalid"],
)
def test_one_origin_has_many_spellings(goes_to: str) -> None:
    """A resume would be answered by 401."""
    assert headers_for({"Authorization": SECRET}, HERE, goes_to) == {"Authorization": SECRET}


@pytest.mark.parametrize("url", odd_urls)
def test_two_odd_urls_have_no_origin_in_common(url: str) -> None:
    """What cannot be read must not be trusted with anything."""
    assert headers_for({"Authorization": SECRET}, url, HERE) == {}


def test_what_we_add_goes_along() -> None:
    """The Range is what a continuation is for."""
    sent = headers_for({"Range": "bytes=0-"}, HERE, ELSEWHERE, {"Range": "bytes=5-"})

    assert sent == {"Range": "bytes=5-"}


@given(words, words, hosts, st.none() | st.integers(1, 65535), words, words)
def test_no_password_and_no_query_is_ever_told(
    user: str, word: str, host: str, port: int | None, path: str, query: str
) -> None:
    """Messages and logs are pasted into bug reports; signed URLs are passwords."""
    netloc = host if port is None else f"{host}:{port}"
    url = f"https://{user}{SECRET}:{word}{SECRET}@{netloc}/{path}?{query}={SECRET}#{SECRET}"
    shown = without_secrets(url)

    assert SECRET not in shown
    assert shown.lower() == f"https://{netloc}/{path}".lower()
    assert SECRET not in place_of(url)


@given(st.text())
@example("http://[")
@example("http://[::1")
@example("http://host:99999/x")
@example("http://host:port/x")
@example("http://user:hunter2@[/x")
def test_no_url_is_too_odd_to_be_told_of(url: str) -> None:
    """A URL made to raise would make us stand aside."""
    assert isinstance(without_secrets(url), str)
    assert isinstance(place_of(url), str)
    assert SECRET not in without_secrets(url)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://index.invalid/x", "index.invalid"),
        ("https://index.invalid:443/x", "index.invalid"),
        ("http://index.invalid:443/x", "index.invalid:443"),
        ("http://u:p@index.invalid:8080/x", "index.invalid:8080"),
        ("http://[2001:db8::1]/x", "[2001:db8::1]"),
        ("http://[2001:db8::1]:8080/x", "[2001:db8::1]:8080"),
    ],
)
def test_a_place_is_host_and_port(url: str, place: str) -> None:
    """It is what the user looks for in his settings."""
    assert place_of(url) == place


def test_an_origin_is_scheme_host_and_port() -> None:
    """RFC 6454 §4."""
    assert origin_of("HTTPS://U:P@Index.invalid/x") == ("https", "index.invalid", 443)
    assert origin_of("http://index.invalid:80/") == ("http", "index.invalid", 80)
