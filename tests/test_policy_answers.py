"""Is an answer that pip should not get told from one that it should?"""

from __future__ import annotations

import pytest

from pip_resilient.policy.answers import TRANSIENT_STATUSES, looks_like_a_login_page


@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8"])
def test_html_is_never_a_file(content_type: str) -> None:
    """A hotel's login page would be saved as a wheel."""
    assert looks_like_a_login_page(content_type, b"", wants_file=True)


@pytest.mark.parametrize("wants_file", [True, False])
def test_what_is_not_html_is_no_login_page(wants_file: bool) -> None:
    """JSON pages and wheels would be refused."""
    start = b"<form>"

    assert not looks_like_a_login_page("application/octet-stream", start, wants_file)
    assert not looks_like_a_login_page("", start, wants_file)


@pytest.mark.parametrize(
    "page",
    [
        b"<html><FORM action=/login>",
        b'<input TYPE="password">',
        b'<meta http-equiv="refresh" content="0">',
        b"<script>window.location='/portal'</script>",
    ],
)
def test_a_page_that_wants_a_login_and_has_no_link_is_a_login_page(page: bytes) -> None:
    """pip would say that no version of the package exists."""
    assert looks_like_a_login_page("text/html", page, wants_file=False)


@pytest.mark.parametrize(
    "page", [b"", b"<html></html>", b'<form></form><a href="demo-1.0.tar.gz">demo</a>']
)
def test_an_index_page_is_no_login_page(page: bytes) -> None:
    """A search form on an index, or an empty project, would be a network failure."""
    assert not looks_like_a_login_page("text/html", page, wants_file=False)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 416, 200, 304])
def test_what_pip_handles_itself_is_not_transient(status: int) -> None:
    """A missing package would be asked for until patience ends."""
    assert status not in TRANSIENT_STATUSES
