"""Who is asked beside the host that pip named, and does nobody learn what is not theirs to know?"""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._internal.models.index import PyPI

from pip_resilient.mirrors.declared import Source, understood
from pip_resilient.mirrors.group import (
    PYPI,
    Asked,
    Group,
    Situation,
    normalised_name,
    page_at,
    project_of,
    url_at,
)
from pip_resilient.mirrors.presets import BY_NAME, PRESETS

HEX = "ab/cd/" + "0123456789" * 6
NAME = "demo-1.0-py3-none-any.whl"
PATH = f"{HEX}/{NAME}"
PYPI_INDEX = PyPI.simple_url + "/"
PYPI_FILES = f"https://{PyPI.file_storage_domain}/packages/"
ALIYUN, TUNA, SJTU = BY_NAME["aliyun"], BY_NAME["tuna"], BY_NAME["sjtu"]
PRIVATE, FURTHER = "https://private.example/simple/", "https://further.example/simple/"
MINE = "https://mirror.example/simple/"

OURS = (PYPI_INDEX,)
BUILT_IN = "built-in"
"""In an expectation: the built-in mirrors, in any order."""


def group(mirrors: str = "", seed: int = 0) -> Group:
    said = understood([mirrors] if mirrors else [])
    assert said.problems == ()
    return Group(said, PyPI.netloc, PyPI.file_storage_domain, random.Random(seed))


def asked_of(
    url: str,
    indexes: tuple[str, ...] = OURS,
    mirrors: str = "",
    listed_by: tuple[str, str] | None = None,
    **more: Any,
) -> list[str]:
    """Return the names of those who may be asked, the built-in ones as one."""
    those = group(mirrors)
    asked = those.asked(url, indexes, listed_by)
    if asked is None:
        return []
    sources = those.sources(asked, Situation(indexes, **more))
    names = [source.name if source.named else BUILT_IN for source in sources]
    assert names.count(BUILT_IN) in (0, len([preset for preset in PRESETS if preset.builtin]))
    return list(dict.fromkeys(names))


PAGE, FILE = PYPI_INDEX + "demo/", PYPI_FILES + PATH
METADATA = FILE + ".metadata"
SPARE = f"{PRIVATE}=https://spare.example/simple"
PLAIN, PLAIN_FILES = "http" + ALIYUN.index_url[5:], "http" + ALIYUN.files[5:]
HTTP, LOCAL = "http://mirror.example/simple", "http://127.0.0.1:3141/root/pypi/+simple"


@pytest.mark.parametrize(
    ("url", "indexes", "mirrors", "sources"),
    [
        # PyPI's files: named mirrors, and the built-in ones unless `none`.
        (FILE, OURS, "", [BUILT_IN]),
        (METADATA, OURS, "", [BUILT_IN]),
        (FILE, OURS, "default", [BUILT_IN]),
        (FILE, OURS, "none", []),
        (FILE, OURS, "sjtu", ["sjtu"]),
        (FILE, OURS, "sjtu default", ["sjtu", BUILT_IN]),
        (FILE, OURS, "files:sjtu", ["sjtu"]),
        (FILE, OURS, MINE, ["mirror.example"]),
        (FILE, OURS, HTTP, ["mirror.example"]),
        (METADATA, OURS, HTTP, ["mirror.example"]),
        (FILE, OURS, SPARE, []),
        (FILE, OURS, SPARE + " default", [BUILT_IN]),
        (FILE, (), "sjtu default", ["sjtu"]),
        (FILE, (PYPI_INDEX, PRIVATE), "default", []),
        (FILE, (PRIVATE,), "", []),
        (FILE, (PYPI_INDEX, PRIVATE), "sjtu", ["sjtu"]),
        (FILE, (PYPI_INDEX, ALIYUN.index_url), "", [BUILT_IN]),
        (FILE, (ALIYUN.index_url[:-1],), "", [BUILT_IN]),
        # PyPI itself is no mirror of PyPI.
        (FILE, OURS, PYPI_INDEX, []),
        (PAGE, OURS, f"{PYPI_INDEX} sjtu", ["sjtu"]),
        # PyPI's pages: mirrors that the user named for pages.
        (PAGE, OURS, "", []),
        (PAGE, OURS, "default", []),
        (PAGE, OURS, "none", []),
        (PAGE, OURS, "sjtu", ["sjtu"]),
        (PAGE[:-1], OURS, "sjtu", []),  # pip never asks so, but for a file called so
        (PAGE, OURS, f"tuna {MINE} default", ["tuna", "mirror.example"]),
        (PAGE, OURS, "files:sjtu", []),
        (PAGE, OURS, "files:sjtu tuna", ["tuna"]),
        (PAGE, (PYPI_INDEX, PRIVATE), "sjtu", ["sjtu"]),
        (PAGE, (PRIVATE,), "sjtu", []),
        (PAGE, (), "sjtu", []),
        # http: never for pages, unless nobody is on the way.
        (PAGE, OURS, HTTP, []),
        (PAGE, OURS, LOCAL, ["127.0.0.1:3141"]),
        (PAGE, OURS, "http://localhost/simple", ["localhost"]),
        (PAGE, OURS, "http://[::1]:8000/simple", ["[::1]:8000"]),
        (PAGE, OURS, "http://127.0.0.1.evil.example/simple", []),
        (PAGE, OURS, "http://localhost.evil.example/simple", []),
        (PAGE, OURS, "http://10.0.0.1/simple", []),
        # A listed mirror as the user's own index: PyPI stands behind it.
        (ALIYUN.files + PATH, (ALIYUN.index_url,), "", [PYPI]),
        (ALIYUN.files + PATH + ".metadata", (ALIYUN.index_url,), "none", [PYPI]),
        (ALIYUN.other_files[0] + PATH, (ALIYUN.aliases[0],), "", [PYPI]),
        (ALIYUN.files + PATH, (ALIYUN.index_url,), "aliyun sjtu", [PYPI, "sjtu"]),
        (ALIYUN.files + PATH, (ALIYUN.index_url,), f"{PYPI_INDEX} sjtu", [PYPI, "sjtu"]),
        (ALIYUN.files + PATH, (ALIYUN.index_url, PRIVATE), "", [PYPI]),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url,), "", [PYPI]),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url[:-1],), "none", [PYPI]),
        (ALIYUN.aliases[0] + "demo/", (ALIYUN.aliases[0],), "", [PYPI]),
        (ALIYUN.aliases[0] + "demo/", (ALIYUN.aliases[0], ALIYUN.index_url), "", [PYPI]),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url,), "sjtu", [PYPI, "sjtu"]),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url,), "files:sjtu", [PYPI]),
        (ALIYUN.aliases[0] + "demo/", (ALIYUN.aliases[0],), "aliyun", [PYPI]),
        # With an index beside it the page may be about a name that is not public.
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url, PRIVATE), "", []),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url, PYPI_INDEX), "", []),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url, TUNA.index_url), "", []),
        (ALIYUN.index_url + "demo/", (TUNA.index_url,), "sjtu", []),
        # A spare may be declared for these indexes too.
        (PAGE, OURS, f"{PYPI_INDEX}={MINE} sjtu", ["mirror.example", "sjtu"]),
        (FILE, OURS, f"{PYPI_INDEX[:-1]}={MINE} default", ["mirror.example", BUILT_IN]),
        (FILE, (ALIYUN.index_url,), f"{ALIYUN.aliases[0]}={MINE}", []),
        (
            ALIYUN.files + PATH,
            (ALIYUN.index_url,),
            f"{ALIYUN.aliases[0]}={MINE}",
            [PYPI, MINE[8:22]],
        ),
        # A private index: the spares declared for it, and nobody else.
        (PRIVATE + "demo/", (PRIVATE,), "cn default", []),
        (PRIVATE + "demo/", (PRIVATE, PYPI_INDEX), f"cn {SPARE}", ["spare.example"]),
        (PRIVATE + "demo/", (PRIVATE[:-1],), SPARE, ["spare.example"]),
        (PRIVATE + "demo/", (PRIVATE,), f"{PRIVATE}={PRIVATE[:-1]} {SPARE}", ["spare.example"]),
        (FURTHER + "demo/", (PRIVATE, FURTHER), SPARE, []),
        (PRIVATE + "demo/", (PYPI_INDEX,), SPARE, []),
        (PRIVATE + "demo/", (PRIVATE,), f"{PRIVATE}=http://spare.example/", []),
        (PRIVATE + "demo/", (PRIVATE,), f"{PRIVATE}=http://127.0.0.1/", ["127.0.0.1"]),
        (PRIVATE + NAME, (PRIVATE,), SPARE, []),  # no page of it: no project's page ends so
        # By plain http it is still that mirror, and what stands behind it is asked by https.
        (PLAIN + "demo/", (PLAIN,), "", [PYPI]),
        (PLAIN + "demo/", (PLAIN[:-1],), "aliyun sjtu", [PYPI, "sjtu"]),
        (PLAIN.replace(".com", ".com:80") + "demo/", (PLAIN,), "", [PYPI]),
        (PLAIN + "demo/", (PLAIN, ALIYUN.index_url), "", [PYPI]),
        (PLAIN + "demo/", (PLAIN, PRIVATE), "", []),
        (PLAIN_FILES + PATH, (PLAIN,), "none", [PYPI]),
        (PLAIN_FILES + PATH + ".metadata", (PLAIN,), "none", [PYPI]),
        (PLAIN_FILES + PATH, (PLAIN, PRIVATE), "", [PYPI]),
        (FILE, (PLAIN,), "", [BUILT_IN]),
        (PAGE, OURS, PLAIN, []),  # named as a mirror it is not believed for pages
        # Everything else is its host's alone.
        ("https://links.example/demo/", OURS, "cn default", []),
        ("https://links.example/" + NAME, OURS, "cn default", []),
        ("https://links.example/packages/" + PATH, OURS, "cn default", []),
        ("https://links.example/requirements.txt", OURS, "cn default", []),
        (PYPI_INDEX, OURS, "cn default", []),
        (f"https://{PyPI.netloc}/pypi/demo/json", OURS, "cn default", []),
        (f"https://{PyPI.file_storage_domain}/packages/source/d/demo/x.zip", OURS, "cn", []),
    ],
)
def test_the_table_of_who_may_serve_what(
    url: str, indexes: tuple[str, ...], mirrors: str, sources: list[str]
) -> None:
    """It is what users and administrators are promised."""
    assert asked_of(url, indexes, mirrors) == sources


def test_a_private_page_lists_files_for_its_spare() -> None:
    """Wherever they are; the spare has them under a URL of its own."""
    by = (PRIVATE, "Demo_Kit")
    url = "https://storage.example/bucket/demo_kit-1.0.tar.gz"

    assert asked_of(url, (PRIVATE,), SPARE, by) == ["spare.example"]
    assert asked_of(url, (PRIVATE,), "cn default", by) == []
    assert group(SPARE).asked(url, (PRIVATE,), by) == Asked(
        "file", "other", PRIVATE, "demo-kit", "demo_kit-1.0.tar.gz"
    )
    assert group(SPARE).asked(url + ".metadata", (PRIVATE,), by) == Asked(
        "metadata", "other", PRIVATE, "demo-kit", "demo_kit-1.0.tar.gz"
    )


def test_a_file_by_http_is_taken_from_a_spare_for_its_digest() -> None:
    """Only pages need somebody who can be believed."""
    spare = f"{PRIVATE}=http://spare.example/"

    assert asked_of(PRIVATE + NAME, (PRIVATE,), spare, (PRIVATE, "demo")) == ["spare.example"]


@pytest.mark.parametrize(
    "more", [{"no_index": True}, {"particular": True}, {"announced": False}], ids=str
)
def test_unnamed_mirrors_are_not_asked_where_they_might_tell_on_somebody(
    more: dict[str, bool],
) -> None:
    """The network is somebody's, or the user would not hear of it."""
    assert asked_of(FILE) == [BUILT_IN]
    assert asked_of(FILE, **more) == []
    assert asked_of(FILE, OURS, "sjtu default", **more) == ["sjtu"]


def test_users_are_spread_over_the_built_in_mirrors() -> None:
    """An outage of PyPI must not become the outage of the first in the list."""
    asked = group().asked(FILE, OURS)
    assert asked is not None
    orders = [
        [source.name for source in group(seed=seed).sources(asked, Situation(OURS))]
        for seed in range(40)
    ]

    assert {order[0] for order in orders} == {one.name for one in PRESETS if one.builtin}
    assert orders[7] == [one.name for one in group(seed=7).sources(asked, Situation(OURS))]


def test_no_unnamed_mirror_is_for_pages_or_by_http() -> None:
    """Only what a digest vouches for is taken from a stranger."""
    asked = group().asked(FILE, OURS)
    assert asked is not None
    for source in group().sources(asked, Situation(OURS)):
        assert not source.pages
        assert not source.named
        assert source.operator
        assert str(url_at(source, asked)).startswith("https://")


HOST, FILE_HOST = PyPI.netloc, PyPI.file_storage_domain


@pytest.mark.parametrize(
    "url",
    [
        f"https://{FILE_HOST}.evil.example/packages/{PATH}",
        f"https://evil.example/{FILE_HOST}/packages/{PATH}",
        f"https://evil.example/?https://{FILE_HOST}/packages/{PATH}",
        f"https://evil.example#https://{FILE_HOST}/packages/{PATH}",
        f"https://{FILE_HOST}@evil.example/packages/{PATH}",
        f"https://evil.example\\@{FILE_HOST}/packages/{PATH}",
        f"https://user@{FILE_HOST}/packages/{PATH}",
        f"https://{FILE_HOST}:8443/packages/{PATH}",
        f"http://{FILE_HOST}/packages/{PATH}",
        f"ftp://{FILE_HOST}/packages/{PATH}",
        f"https://{FILE_HOST}//packages/{PATH}",
        f"https://{FILE_HOST}/packages//{PATH}",
        f"https://{FILE_HOST}/PACKAGES/{PATH}",
        f"https://{FILE_HOST}/private/../packages/{PATH}",
        f"https://{FILE_HOST}/packages/../private/{PATH}",
        f"https://{FILE_HOST}/packages/%61b/{PATH[3:]}",
        f"https://{FILE_HOST}/packages%2F{PATH}",
        f"https://{FILE_HOST}/packages/{PATH.upper()}",
        f"https://{FILE_HOST}/packages/x{PATH}",
        f"https://{FILE_HOST}/packages/{HEX[:-1]}/{NAME}",
        f"https://{FILE_HOST}/packages/{HEX}/",
        f"https://{FILE_HOST}/packages/{HEX}/..",
        f"https://{FILE_HOST}/packages/{HEX}/%2e%2E",
        f"https://{FILE_HOST}/packages/{HEX}/.",
        f"https://{FILE_HOST}/packages/{HEX}/..%2f..%2fdemo.whl",
        f"https://{FILE_HOST}/packages/{HEX}/..%5c..%5cdemo.whl",
        f"https://{FILE_HOST}/packages/{HEX}/.metadata",
        f"https://{FILE_HOST}/packages/{HEX}/a/{NAME}",
        f"https://{FILE_HOST}/packages/{PATH}?token=1",
        f"https://{FILE_HOST}/packages/{PATH}/",
        f"https://{HOST}/packages/{PATH}",
        f"https://{HOST}.evil.example/simple/demo/",
        f"https://{HOST}@evil.example/simple/demo/",
        f"https://{HOST}:8443/simple/demo/",
        f"http://{HOST}/simple/demo/",
        f"https://{HOST}//simple/demo/",
        f"https://{HOST}/simple//demo/",
        f"https://{HOST}/simple/../simple/demo/",
        f"https://{HOST}/simple/demo/..",
        f"https://{HOST}/simple/../",
        f"https://{HOST}/simple/%2e%2e/",
        f"https://{HOST}/simple/%2F%2Fevil.example/",
        f"https://{HOST}/simple/https:%2F%2Fevil.example/",
        f"https://{HOST}/simple/a%2Fb/",
        f"https://{HOST}/simple/a%5Cb/",
        f"https://{HOST}/simple/-/",
        f"https://{HOST}/simple/%E4%B8%AD/",
        f"https://{HOST}/%73imple/demo/",
        f"https://{HOST}/simple/demo/?page=2",
        f"https://{HOST}/simple/demo/demo/",
        f"https://{HOST}/simple/",
        "https://[",
        "",
    ],
)
def test_a_look_alike_is_not_pypis(url: str) -> None:
    """Whoever writes such a URL would choose what a mirror is asked for."""
    assert group().asked(url, OURS) is None


def test_pypis_own_host_has_one_page_whatever_its_case_and_port() -> None:
    """It is the same server; pip asks as the user has written it."""
    for url in (f"https://{HOST.upper()}/simple/Demo.Kit/", f"https://{HOST}:443/simple/Demo.Kit/"):
        assert group().asked(url, OURS) == Asked("page", "pypi", PYPI_INDEX, "demo-kit")


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        ("demo-1.0-py3-none-any.whl", "demo"),
        ("Demo_Kit.x-1.0-1-py3-none-any.whl", "demo-kit-x"),
        ("demo_kit-1.0.tar.gz", "demo-kit"),
        ("demo-kit-1.0.tar.gz", "demo-kit"),
        ("zope.interface-5.0.0b1.zip", "zope-interface"),
        ("demo-v1.0.tgz", "demo"),
        ("demo-1.0-py2.7.egg", "demo"),
        ("demo-dev.tar.bz2", "demo"),
        ("demo.tar.xz", "demo"),
        ("python_3parclient-4.2.tar.gz", "python-3parclient"),
    ],
)
def test_a_file_s_name_tells_its_project(filename: str, project: str) -> None:
    """A mirror that does not keep PyPI's paths is asked for the project's page."""
    assert project_of(filename) == project


@pytest.mark.parametrize(
    ("name", "normal"), [("Demo", "demo"), ("a.-_b", "a-b"), ("A__B", "a-b"), ("x", "x")]
)
def test_names_are_written_as_their_pages_are_called(name: str, normal: str) -> None:
    """PEP 503; not every mirror redirects from the others."""
    assert normalised_name(name) == normal


@given(st.text())
def test_no_file_name_stops_anything(name: str) -> None:
    """It comes from a page."""
    assert isinstance(project_of(name), str)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_page_is_asked_under_the_index(preset: Any) -> None:
    """With a slash at the end, or there is one redirect more."""
    source = group(preset.name).declared.named[0]

    assert page_at(source, "demo-kit") == preset.index_url + "demo-kit/"


def test_a_page_is_never_asked_elsewhere() -> None:
    """Whatever a project may be called."""
    source = group(MINE).declared.named[0]
    for project in ("//evil.example", "https://evil.example", "..", "?", "#", "a\\b"):
        assert page_at(source, project).startswith(MINE)


hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
file_names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.+!-]{0,30}\.(whl|tar\.gz|zip)\Z")
prefixes = st.sampled_from(
    [PYPI_FILES, *(place for one in PRESETS for place in (one.files, *one.other_files))]
)


def path_of(hash_: str, name: str) -> str:
    return f"{hash_[:2]}/{hash_[2:4]}/{hash_[4:]}/{quote(name)}"


@given(hexes, file_names, prefixes, prefixes, st.sampled_from(["", ".metadata"]))
def test_a_file_has_the_same_path_with_all_of_them(
    hash_: str, name: str, here: str, there: str, beside: str
) -> None:
    """Mapped to a mirror and read again, it is the same file."""
    those, path = group("cn"), path_of(hash_, name)
    asked = those.asked(here + path + beside, OURS)
    assert asked is not None
    mapped = url_at(Source("x", "", MINE, there, "x", named=True, pages=True), asked)

    assert mapped == there + path + beside
    again = those.asked(mapped, OURS)
    assert again is not None
    assert (again.what, again.path, again.project) == (asked.what, asked.path, asked.project)


hosts = ["https://", "http://", FILE_HOST, HOST, "evil.example", "@", ":"]
paths = ["/packages/", "/simple/", HEX, NAME, "demo", ".metadata", "/", "..", "\\", "?", "#", "%2f"]
url_pieces = st.sampled_from([*hosts, *paths])


@given(st.lists(url_pieces | st.text(max_size=2), max_size=10).map("".join))
def test_what_does_not_stand_under_a_known_prefix_is_never_mapped(url: str) -> None:
    """Not one look-alike gets through, whoever invents it."""
    asked = group("cn").asked(url, OURS)

    if asked is not None and asked.path:
        assert any(
            url.startswith(prefix + asked.path)
            for one in PRESETS
            for https in (one.files, *one.other_files)
            for prefix in (PYPI_FILES, https, "http" + https[5:])
        )
    elif asked is not None:
        assert (asked.what, asked.index_url) == ("page", PYPI_INDEX)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_source_that_keeps_other_paths_is_not_guessed_at(preset: Any) -> None:
    """Where a file of another index lies there, only its page says."""
    asked = Asked("file", "other", PRIVATE, "demo", NAME)
    source = group(preset.name).declared.named[0]

    assert url_at(source, asked) is None
    assert url_at(source._replace(files=None), asked._replace(path=PATH)) is None


SECRET = "secretproject"
shown = st.sampled_from(
    [
        PRIVATE + SECRET + "/",
        PRIVATE + SECRET,
        f"https://private.example/files/{HEX}/{SECRET}-1.0-py3-none-any.whl",
        f"https://private.example/packages/{HEX}/{SECRET}-1.0.tar.gz.metadata",
        f"https://storage.example/{SECRET}.whl",
        PYPI_FILES + PATH,
        ALIYUN.files + PATH,
    ]
)
all_indexes = st.sets(
    st.sampled_from([PRIVATE, FURTHER, PYPI_INDEX, ALIYUN.index_url]), min_size=1
).map(tuple)
all_mirrors = st.lists(
    st.sampled_from(
        ["cn", "default", MINE, "files:" + MINE, f"{FURTHER}={MINE}", SPARE, f"{PYPI_INDEX}={MINE}"]
    ),
    max_size=4,
).map(" ".join)


@given(shown, all_indexes, all_mirrors, st.booleans())
def test_a_private_name_is_only_heard_by_a_spare_declared_for_its_index(
    url: str, indexes: tuple[str, ...], mirrors: str, listed: bool
) -> None:
    """A public host would learn it, and could then publish it."""
    those = group(mirrors)
    asked = those.asked(url, indexes, (PRIVATE, SECRET) if listed else None)
    if asked is None:
        return
    for source in those.sources(asked, Situation(indexes)):
        if source.index_url != "https://spare.example/simple/":
            told = f"{url_at(source, asked)} {page_at(source, asked.project)}"

            assert SECRET not in told
            assert "private.example" not in told


def test_a_page_that_lists_a_public_file_names_its_project() -> None:
    """A file's name alone may mislead; a private page's name for it is private."""
    url = PYPI_FILES + f"{HEX}/python-3-demo-1.0.tar.gz"
    by_pypi = group().asked(url, OURS, (PYPI_INDEX, "Python-3_demo"))
    by_other = group().asked(url, (PRIVATE,), (PRIVATE, SECRET))

    assert by_pypi is not None
    assert by_pypi.project == "python-3-demo"
    assert by_other is not None
    assert by_other.project == "python"


@pytest.mark.parametrize(
    ("url", "indexes", "answers"),
    [
        (FILE, OURS, {403, 404, 410}),
        (PAGE, OURS, {403, 404, 410}),
        (PRIVATE + "demo/", (PRIVATE,), {403, 404, 410}),
        (ALIYUN.index_url + "demo/", (ALIYUN.index_url,), {404, 410}),
        (ALIYUN.files + PATH, (ALIYUN.index_url,), set()),
        (ALIYUN.files + PATH + ".metadata", (ALIYUN.index_url,), set()),
    ],
)
def test_an_index_s_no_is_an_answer_and_a_mirror_s_is_not(
    url: str, indexes: tuple[str, ...], answers: set[int]
) -> None:
    """What PyPI has not got does not exist; what a mirror has not got may only be late."""
    asked = group().asked(url, indexes)
    assert asked is not None

    assert {status for status in (403, 404, 410) if group().is_answer(asked, status)} == answers
