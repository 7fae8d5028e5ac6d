"""Does what the user said of mirrors stay between us, and each page with its own project?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.models.index import PyPI

from pip_resilient.mirrors.declared import Source, understood
from pip_resilient.mirrors.group import Group, page_at

INDEX = f"https://{PyPI.netloc}/simple/"
MIRROR = "https://one.mirror.test/simple/"
SOURCE = Source("one", "", MIRROR, None, "one", named=True, pages=True)


@pytest.mark.parametrize("password", ["hunter2", "hun@ter2", "hun/ter2", "hun,ter2", "hun ter2"])
@pytest.mark.parametrize("form", ["{}", "files:{}", "https://index.corp.test/={}", "cn {}", "{} x"])
def test_a_word_that_is_not_understood_tells_no_password(form: str, password: str) -> None:
    """The line is seen by all who read a CI log, and a password may part a word in two."""
    url = f"https://jane:{password}@one.mirror.test:port/simple/"
    problems = "\n".join(understood([form.format(url)]).problems)

    assert problems
    for piece in ("hun", "ter2", "jane"):
        assert piece not in problems


def test_a_word_without_a_login_is_shown() -> None:
    """Else nobody finds the misspelt one."""
    assert "tunna" in understood(["tunna aliyun"]).problems[0]


def test_a_page_is_that_of_its_own_project_whoever_links_to_it() -> None:
    """An index could have another project's page shown in the place of PyPI's."""
    group = Group(understood([MIRROR]), PyPI.netloc, PyPI.file_storage_domain, random.Random(0))
    asked = group.asked(f"{INDEX}demo/", [INDEX], ("https://index.corp.test/simple/", "other"))

    assert asked is not None
    assert asked.project == "demo"


@given(st.text(min_size=1, max_size=30))
def test_a_project_is_asked_of_its_source_alone(project: str) -> None:
    """A file's name could be that of a host: `https:%2F%2F...`."""
    assert page_at(SOURCE, project).startswith(MIRROR)
