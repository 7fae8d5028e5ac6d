"""Is what the user says of mirrors understood, or else refused as a whole, without a password?"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pip_resilient.mirrors.declared import NOTHING, Declared, preset_of, spelt, understood
from pip_resilient.mirrors.presets import BY_NAME, PRESETS, SETS
from pip_resilient.policy.disclosure import basic

INDEX = "https://mirror.example/simple/"
PRIVATE = "https://private.example/simple/"
SECRET = "hunter2"


def named(*words: str) -> list[tuple[str, str, bool]]:
    """Return name, index and whether for pages, of the mirrors named by words."""
    said = understood([" ".join(words)])
    assert said.problems == ()
    assert said.spares == ()
    return [(source.name, source.index_url, source.pages) for source in said.named]


def test_what_cannot_be_sent_is_not_understood() -> None:
    """Python decodes a byte of another encoding so; in a login it would end pip."""
    for url in ("http://us\udce9r:pw@mirror.invalid/simple/", "https://mirror.invalid/\udce9/"):
        declared = understood([url])

        assert declared.named == ()
        assert declared.problems
        declared.problems[0].encode("ascii")


@pytest.mark.parametrize(
    ("levels", "default"),
    [
        ((), True),
        (("",), True),
        ((" , \t\n",), True),
        (("default",), True),
        (("default", "default"), True),
        (("default", "aliyun"), True),
        (("none",), False),
        (("none,none",), False),
        (("none", "default"), False),
        (("none", "aliyun"), False),
        (("default", "none"), False),
        (("", "none"), False),
        (("default", "default", "none"), False),
        (("default", "none", "default"), False),
        (("default", "NONE"), False),
        (("default", "none, aliyun"), False),
    ],
)
def test_none_beats_default_on_whatever_level_it_stands(
    levels: tuple[str, ...], default: bool
) -> None:
    """What an administrator forbids in pip.conf is not allowed by a variable's default."""
    assert understood(levels) == Declared(default=default)


def test_a_mirror_named_in_the_strongest_place_is_used_in_spite_of_none_elsewhere() -> None:
    """`none` is for what nobody named."""
    said = understood(["default aliyun", "none"])

    assert [source.name for source in said.named] == ["aliyun"]
    assert not said.default


def test_only_the_strongest_level_names_mirrors() -> None:
    """The environment beats pip.conf, as for every setting."""
    said = understood(["tuna", "aliyun not-understood"])

    assert [source.name for source in said.named] == ["tuna"]
    assert said.problems == ()


def test_a_named_mirror_alone_is_all() -> None:
    """Who wants the built-in ones beside it says so."""
    assert not understood(["aliyun"]).default
    assert understood(["aliyun default"]).default


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_every_preset_has_a_name(preset: object, case: object) -> None:
    """Names that are listed and not understood would be a bad joke."""
    source = understood([case(preset.name)]).named[0]

    assert source == (
        preset.name,
        preset.operator,
        preset.index_url,
        preset.files,
        preset.group,
        True,
        True,
        "",
    )


def test_cn_is_every_built_in_mirror_in_china() -> None:
    """One word for those who sit behind that line."""
    assert [name for name, _, _ in named("cn")] == list(SETS["cn"])
    assert {BY_NAME[name].group for name in SETS["cn"]} >= {"aliyun", "tencent", "tuna"}
    assert len({BY_NAME[name].group for name in SETS["cn"]}) == len(SETS["cn"])
    assert [pages for _, _, pages in named("files:cn")] == [False] * len(SETS["cn"])


@pytest.mark.parametrize(
    ("url", "index"),
    [
        ("https://mirror.example/simple/", INDEX),
        ("https://mirror.example/simple", INDEX),
        ("https://mirror.example/simple//", INDEX),
        ("https://MIRROR.example/simple", INDEX),
        ("https://mirror.example:443/simple", INDEX),
        ("https://mirror.example", "https://mirror.example/"),
        ("https://mirror.example:8443/a/b", "https://mirror.example:8443/a/b/"),
        ("http://mirror.example:80/simple", "http://mirror.example/simple/"),
        ("http://mirror.example:443/simple", "http://mirror.example:443/simple/"),
        ("http://[2001:db8::1]/simple", "http://[2001:db8::1]/simple/"),
        ("https://[2001:DB8::1]:8443/simple", "https://[2001:db8::1]:8443/simple/"),
        ("https://user:pw@[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/"),
        ("https://user:pw@mirror.example/simple", INDEX),
        ("https://under_score.example/simple", "https://under_score.example/simple/"),
    ],
)
def test_the_url_of_an_index_has_one_spelling(url: str, index: str) -> None:
    """Two spellings would be two mirrors."""
    assert named(url)[0][1:] == (index, True)
    assert named("files:" + url)[0][1:] == (index, False)
    assert spelt(url) == index


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://user:hunter2@mirror.example/", "user:hunter2"),
        ("https://user@mirror.example/", "user:"),  # RFC 7617: there is always a colon
        ("https://:hunter2@mirror.example/", ":hunter2"),
        ("https://us%2Fer:hunt%40er@mirror.example/", "us/er:hunt@er"),
        ("https://user:aHVudGVyMg==@mirror.example/", "user:aHVudGVyMg=="),
        ("https://mirror.example/", ""),
        ("https://@mirror.example/", ""),
    ],
)
def test_a_login_is_kept_beside_the_url_as_pip_reads_it(url: str, login: str) -> None:
    """It is for that host alone, and for no message."""
    (source,) = understood([url]).named

    assert source.login == login
    assert "@" not in source.index_url
    assert basic(source.login).startswith("Basic ")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (url, preset.name)
        for preset in PRESETS
        for url in (preset.index_url, preset.index_url[:-1], *preset.aliases)
    ],
)
def test_a_preset_may_be_named_by_its_url(url: str, name: str) -> None:
    """It is what people copy from the mirror's own help page."""
    assert named(url) == named(name)
    assert preset_of(url) is BY_NAME[name]


def test_a_preset_by_plain_http_is_not_the_preset() -> None:
    """Its pages could be anybody's."""
    assert preset_of("http://mirrors.aliyun.com/pypi/simple/") is None


@pytest.mark.parametrize(
    "url", ["https://mirrors.aliyun.com.evil.example/pypi/simple/", "no url", "", "https://["]
)
def test_a_look_alike_is_no_preset(url: str) -> None:
    """It would be asked as one."""
    assert preset_of(url) is None


@pytest.mark.parametrize(
    "text", ["aliyun tuna", "aliyun,tuna", " aliyun , tuna ", "aliyun\n\ttuna", ",aliyun,,tuna,"]
)
def test_words_stand_apart_by_white_space_or_commas(text: str) -> None:
    """pip.conf has lists over several lines; a comma too many is no other word."""
    assert [name for name, _, _ in named(text)] == ["aliyun", "tuna"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aliyun aliyun", [("aliyun", True)]),
        ("aliyun https://mirrors.aliyun.com/pypi/simple", [("aliyun", True)]),
        ("tuna cn", [(name, True) for name in ("tuna", "aliyun", "tencent", "huawei", "sustech")]),
        ("files:aliyun aliyun", [("aliyun", True)]),
        ("aliyun files:aliyun", [("aliyun", True)]),
        (f"{INDEX} https://u:p@mirror.example/simple", [("mirror.example", True)]),
    ],
)
def test_nobody_is_named_twice(text: str, found: list[tuple[str, bool]]) -> None:
    """It would be asked twice for what it has not got; what was said of it adds up."""
    assert [(name, pages) for name, _, pages in named(text)] == found


def test_a_spare_is_for_one_other_index() -> None:
    """Its own login is its own; that of the origin is pip's business."""
    said = understood([f"https://u:a@private.example/simple=https://v:{SECRET}@spare.example/x"])

    ((origin, spare),) = said.spares
    assert origin == PRIVATE
    assert (spare.index_url, spare.login) == ("https://spare.example/x/", f"v:{SECRET}")
    assert (spare.named, spare.pages, spare.files) == (True, True, None)
    assert said.named == ()
    assert not said.default


def test_a_login_with_a_sign_of_equality_is_no_spare() -> None:
    """Tokens end so."""
    ((origin, spare),) = understood(
        ["https://u:YQ==@private.example/simple=https://v:Yg==@spare.example"]
    ).spares

    assert (origin, spare.index_url, spare.login) == (PRIVATE, "https://spare.example/", "v:Yg==")


def test_an_index_may_have_several_spares_each_once() -> None:
    """They are asked in the user's order."""
    one, two = f"{PRIVATE}=https://one.example/", f"{PRIVATE}=https://two.example/"
    said = understood([f"{two} {one} {PRIVATE[:-1]}=https://two.example"])

    assert [spare.name for _, spare in said.spares] == ["two.example", "one.example"]


def test_a_preset_may_be_a_spare() -> None:
    """For a proxy of one's own in front of PyPI."""
    said = understood([f"{PRIVATE}=https://mirrors.aliyun.com/pypi/simple"])

    assert [spare.name for _, spare in said.spares] == ["aliyun"]


BAD = [
    "aliyn",
    "off",
    "aliyun;tuna",
    "none aliyun",
    "default none",
    "files:",
    "files:none",
    "files:default",
    "files:files:aliyun",
    "ftp://mirror.example/simple",
    "file:///srv/mirror",
    "mirror.example/simple",
    "//mirror.example/simple",
    "https://",
    "https:///simple",
    "https://:8443/simple",
    "https://[::1/simple",
    "https://[::1]mirror.example/simple",
    "https://[v1.a]/simple",
    "https://mirror.example:port/",
    "https://mirror.example:\u0661/",
    "https://mirror.example:99999/",
    "https://mirror.example/simple?a=b",
    "https://mirror.example/simple#here",
    "https://mir\x1bror.example/simple",
    "https://mirror.example\\@evil.example/simple",
    f"{PRIVATE}=",
    f"={INDEX}",
    f"{PRIVATE}=aliyun",
    f"aliyun={INDEX}",
    f"files:{PRIVATE}={INDEX}",
    f"{PRIVATE}={PRIVATE}={INDEX}",
    f"{PRIVATE}=https://spare.example/?q",
    f"https://private.example:x/={INDEX}",
]


@pytest.mark.parametrize("word", BAD)
@pytest.mark.parametrize("beside", ["{}", "aliyun {}", "{} default"])
def test_what_is_not_understood_means_no_mirror_at_all(word: str, beside: str) -> None:
    """A misspelt trust setting must not end in more trust than was meant."""
    said = understood([beside.format(word)])

    assert said == NOTHING._replace(problems=said.problems)
    assert len(said.problems) >= 1
    for line in said.problems:
        assert line.startswith("PIP_RESILIENT_MIRRORS: ")
        assert "no mirror is used at all; known are default, none, cn, aliyun" in line
        assert line.isprintable()


def test_the_line_says_which_word_it_was() -> None:
    """And nothing else, so that the right one is easy to see."""
    (line,) = understood(["tuna aliyn"]).problems

    assert line.startswith("PIP_RESILIENT_MIRRORS: 'aliyn' is not understood, ")


@pytest.mark.parametrize(
    "text",
    [
        f"ftp://user:{SECRET}@mirror.example/",
        f"https://user:{SECRET}@mirror.example:port/",
        f"https://user:x/{SECRET}@mirror.example/",
        f"https://user:x@{SECRET}@mirror.example:port/",
        f"https://user:x?{SECRET}@mirror.example/",
        f"https://user:x#{SECRET}@mirror.example/",
        f"https://user:{SECRET},x@mirror.example/",
        f"https://user:{SECRET} x@mirror.example/",
        f"https://user:x,{SECRET}@mirror.example/",
        f"user:{SECRET}@mirror.example/simple",
        f"files:user:{SECRET}@mirror.example",
        f"files:https://user:{SECRET}@mirror.example:port/",
        f"https://mirror.example/simple?token={SECRET}",
        f"https://mirror.example/simple#{SECRET}",
        f"https://u:{SECRET}@private.example/=https://u:{SECRET}@mirror.example:port/",
        f"https://u:{SECRET}@private.example:port/={INDEX}",
        f"https://u:{SECRET}=@private.example/=ftp://mirror.example/",
    ],
)
def test_the_line_shows_no_password(text: str) -> None:
    """It stands in every build's log from then on."""
    said = understood([text])

    assert said.named == ()
    assert said.problems
    assert SECRET not in " ".join(said.problems)


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@mirror.example/simple",
        f"files:https://{SECRET}@mirror.example/simple",
        f"{PRIVATE}=https://user:{SECRET}@mirror.example/simple",
    ],
)
def test_a_login_is_not_shown_by_repr(text: str) -> None:
    """A traceback or a debugger's line ends in a bug report."""
    said = understood([text])

    assert said.problems == ()
    assert SECRET not in repr(said)
    assert SECRET not in str([*said.named, *said.spares])
    assert "mirror.example" in repr(said)


words = st.sampled_from(
    [*BAD, "default", "none", "cn", "aliyun", "files:tuna", INDEX, f"{PRIVATE}={INDEX}"]
)
pieces = st.sampled_from(
    ["https://", "http://", "files:", "user:pw@", "h.example", ":1", "[::1]", "/", "=", "?", "#"]
)
texts = (
    st.text()
    | st.lists(words, max_size=4).map(" ".join)
    | st.lists(pieces | st.text(max_size=2), max_size=8).map("".join)
)


@given(st.lists(texts, max_size=3))
@example(["https://\u2100.example/"])
@example(["https://[v1.a]/"])
@example(["https://h:\u0661/"])
def test_any_text_is_understood_or_refused(levels: list[str]) -> None:
    """It never stops pip, and never half a setting is obeyed."""
    said = understood(levels)

    if said.problems:
        assert said == NOTHING._replace(problems=said.problems)
    for source in (*said.named, *(spare for _, spare in said.spares)):
        assert source.named
        assert source.index_url.startswith(("http://", "https://"))
        assert source.index_url.endswith("/")
        assert spelt(source.index_url) == source.index_url
        assert source.name.isprintable()
