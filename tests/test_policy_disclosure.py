"""Does what was given for one host stay with it?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pip_resilient.policy.disclosure import (
    Forbidden,
    Given,
    carried,
    is_public,
    next_hop,
    without_secrets,
    without_user_data,
)
from pip_resilient.policy.origins import place_of, same_origin

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


def headers_for(
    had: dict[str, str], given_for: str, goes_to: str, extra: dict[str, str] | None = None
) -> dict[str, str]:
    return carried(Given(given_for, had), goes_to, extra).headers


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


def test_a_client_certificate_stays_with_its_origin() -> None:
    """It is a login."""
    held = Given(HERE, {}, "client.pem")

    assert carried(held, HERE + "other").cert == "client.pem"
    assert carried(held, ELSEWHERE).cert is None


def test_a_login_of_its_own_goes_to_a_spare() -> None:
    """A spare's password stands in the spare's own URL, and takes the place of the origin's."""
    held = Given(HERE, {"Authorization": SECRET})

    assert carried(held, ELSEWHERE, login="me:secret").headers == {
        "Authorization": "Basic bWU6c2VjcmV0"
    }


USER_AGENT = 'pip/26.3 {"ci":null,"python":"3.13.0","user_data":"tenant 4711"}'


@pytest.mark.parametrize(
    ("had", "shown"),
    [
        (USER_AGENT, 'pip/26.3 {"ci":null,"python":"3.13.0"}'),
        ('pip/26.3 {"ci":null}', 'pip/26.3 {"ci":null}'),
        ("something else", "something else"),
        ('pip/26.3 {"user_data": broken', "pip/26.3"),
        ('pip/26.3 {"x": [1]} {"user_data": "y"}', "pip/26.3"),
    ],
)
def test_what_the_user_told_one_index_is_not_told_to_others(had: str, shown: str) -> None:
    """PIP_USER_AGENT_USER_DATA is for the index that asked for it."""
    assert without_user_data(had) == shown
    assert carried(Given(HERE, {"User-Agent": had}), ELSEWHERE).headers == {"User-Agent": shown}
    assert carried(Given(HERE, {"User-Agent": had}), HERE).headers == {"User-Agent": had}


MIRROR = "https://mirror.invalid/simple/demo/"


@pytest.mark.parametrize(
    ("location", "hop"),
    [
        ("/files/demo.whl", "https://mirror.invalid/files/demo.whl"),
        ("https://cdn.invalid/demo.whl?sig=1#x", "https://cdn.invalid/demo.whl?sig=1"),
        ("https://me:secret@cdn.invalid/demo.whl", "https://cdn.invalid/demo.whl"),
        ("//cdn.invalid:8443/demo.whl", "https://cdn.invalid:8443/demo.whl"),
        ("https://8.8.8.8/demo.whl", "https://8.8.8.8/demo.whl"),
    ],
)
def test_a_redirect_over_https_is_followed(location: str, hop: str) -> None:
    """Full public mirrors send on to their storage."""
    assert next_hop(MIRROR, location, 0, from_public=True) == hop


@pytest.mark.parametrize(
    "location",
    [
        "http://mirror.invalid/demo.whl",
        "ftp://cdn.invalid/demo.whl",
        "file:///etc/passwd",
        "https://127.0.0.1/demo.whl",
        "https://127.1.2.3:8443/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://printer.local/",
        "https://[::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "https://192.168.0.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://0.0.0.0/",
        "https://[/",
        "https://host:port/",
    ],
)
def test_a_redirect_into_a_private_network_or_off_https_is_not(location: str) -> None:
    """A mirror must not make this machine ask its own neighbours."""
    with pytest.raises(Forbidden):
        next_hop(MIRROR, location, 0, from_public=True)


def test_redirects_have_an_end() -> None:
    """Else a mirror could keep a run busy for ever."""
    assert next_hop(MIRROR, "/again", 4, from_public=True)
    with pytest.raises(Forbidden):
        next_hop(MIRROR, "/again", 5, from_public=True)


def test_a_mirror_in_this_network_may_send_on_within_it() -> None:
    """Its user named it; plain http it may only stay on."""
    local = "http://127.0.0.1:8080/simple/demo/"

    assert next_hop(local, "/f/demo.whl", 0, from_public=False)
    assert next_hop(local, "https://10.0.0.1/demo.whl", 0, from_public=False)
    with pytest.raises(Forbidden):
        next_hop(local, "http://127.0.0.1:8081/demo.whl", 0, from_public=False)


@given(st.sampled_from([HERE, MIRROR]), st.text(max_size=60))
def test_no_redirect_leaves_https_or_carries_a_password(before: str, location: str) -> None:
    """Whatever a mirror writes there."""
    try:
        hop = next_hop(before, location, 0, from_public=True)
    except Forbidden:
        return
    assert hop.startswith("https://")
    assert "@" not in hop.partition("//")[2].partition("/")[0]
    assert not same_origin(hop, "https://localhost/")


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "fec0::1",
        "ff0e::1",
        "224.0.0.1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
    ],
)
def test_an_address_is_as_public_as_the_one_that_it_wraps(address: str) -> None:
    """A gateway for the other IP leads from each of them into this network."""
    assert not is_public(address)
    assert not is_public(f"[{address}]")


@pytest.mark.parametrize(
    "address", ["64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::1", "2606:4700::1"]
)
def test_an_address_that_wraps_a_public_one_is_public(address: str) -> None:
    """In a network of IPv6 alone, all that is not leads through its gateway."""
    assert is_public(address)


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1\\.x.invalid/admin",
        "https://169.254.169.254\\.x.invalid/latest",
        "https://a b.invalid/",
        "https://x.invalid%2f.y.invalid/",
    ],
)
def test_what_is_no_host_is_followed_by_nobody(location: str) -> None:
    """Another reader of the same URL sees another host, and asks that."""
    for from_public in (True, False):
        with pytest.raises(Forbidden):
            next_hop(HERE, location, 0, from_public)


def test_a_name_is_public_until_it_is_resolved() -> None:
    """What it leads to is looked at when it is connected to."""
    assert is_public("mirror.invalid")
    assert is_public("2606:4700::1111")
    assert not is_public("::1")
