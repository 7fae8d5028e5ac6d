"""Is a server known by its scheme, host and port?"""

from __future__ import annotations

import pytest

from pip_resilient.policy.origins import origin_of, place_of


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
