"""Is a mirror said to be behind where PyPI has said more, and nowhere else?"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from pip._internal.models.index import PyPI

from pip_resilient.events import Behind
from pip_resilient.mirrors.declared import understood
from pip_resilient.mirrors.group import Group
from pip_resilient.session import behind
from pip_resilient.session.pages import Page, Pages

PYPI = f"https://{PyPI.netloc}/simple/"
MIRROR = "https://mirrors.aliyun.com/pypi/simple/"
PRIVATE = "https://index.invalid/simple/"
HTML = "text/html; charset=utf-8"


def page(serial: int | None = 100) -> bytes:
    said = "" if serial is None else f"<!--SERIAL {serial}-->"
    return f'<html><body><a href="demo-1.0.tar.gz">demo-1.0.tar.gz</a></body></html>{said}'.encode()


def noted(*pages: Page, mark: int | None = 250) -> list[Behind]:
    """Return what is noted of pages, where PyPI has named this serial before."""
    found: list[Behind] = []
    asked: list[tuple[str, str]] = []

    def mark_of(index_url: str, project: str) -> int | None:
        asked.append((index_url, project))
        return mark

    run: Any = SimpleNamespace(
        pages=Pages(),
        group=Group(understood(()), PyPI.netloc, PyPI.file_storage_domain, random.Random(0)),
        last_good=SimpleNamespace(mark=mark_of),
        journal=SimpleNamespace(add=found.append),
        at=lambda: 1.0,
    )
    for one in pages:
        run.pages.passed(one)
    behind.note(run)
    assert set(asked) <= {(PYPI, "demo")}
    return found


def test_a_mirror_that_shows_less_than_pypi_has_said() -> None:
    url = f"{MIRROR}demo/"

    assert noted(Page(url, HTML, page())) == [Behind(1.0, "mirrors.aliyun.com", url, 100, 250)]


def test_a_page_in_pypis_place_is_that_of_who_served_it() -> None:
    """PyPI is not behind itself."""
    (found,) = noted(Page(f"{PYPI}demo/", HTML, page(), served_by="mirror.invalid"))

    assert found.place == "mirror.invalid"


@pytest.mark.parametrize(
    ("url", "content", "mark"),
    [
        (f"{PRIVATE}demo/", page(), 250),
        (f"{MIRROR}demo/", page(250), 250),
        (f"{MIRROR}demo/", page(251), 250),
        (f"{MIRROR}demo/", page(None), 250),
        (f"{MIRROR}demo/", page(), None),
        (f"{MIRROR}demo/", b"", 250),
        (MIRROR, page(), 250),
        ("https://[", page(), 250),
    ],
    ids=["private", "same", "newer", "no-serial", "no-mark", "no-page", "no-project", "no-url"],
)
def test_nothing_is_said_that_is_not_known(url: str, content: bytes, mark: int | None) -> None:
    """The serials of a private index are numbers of its own."""
    assert noted(Page(url, HTML, content), mark=mark) == []
