"""Is every value read from where pip has it, and told without its passwords?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pip
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pip._vendor.requests.utils import get_environ_proxies, select_proxy

from pip_resilient.cli import way
from pip_resilient.cli.child import TOO_LATE
from pip_resilient.cli.pip_config import PipConfig, Source, Value, read, shown, usual_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INDEX = "https://default.invalid/simple/"
SAYS = json.dumps(["26.3", INDEX, "/ca.pem", 'pip/26.3 {"x":1}'])


def config_of(
    files: Mapping[str, Path], environ: Mapping[str, str], says: str = SAYS, code: int = 0
) -> PipConfig:
    """Read with a pip that lists these files, by their kind."""
    debug = "env_var:\n  PIP_X='y'\n" + "".join(
        f"{kind}:\n  {path}, exists: True\n    global.a: b\n" for kind, path in files.items()
    )

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        return (code, says, "Oops: x") if "-c" in command else (0, debug, "")

    usual = [(kind, str(path)) for kind, path in files.items()]
    return read(run, "python", environ, usual, ("1.0", "https://fallback.invalid/simple/", ""))


def conf(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("says", [SAYS, "no JSON"], ids=["pip-works", "pip-broken"])
def test_the_stronger_file_wins_whether_pip_starts_or_not(tmp_path: Path, says: str) -> None:
    """pip prints its files in the order of the alphabet, which is not that of strength."""
    files = {
        "env": conf(tmp_path, "e", "[global]\nproxy = http://env\n"),
        "global": conf(tmp_path, "g", "[global]\nproxy = http://global\ntimeout = 1\n"),
        "site": conf(tmp_path, "s", "[global]\nproxy = http://site\ncert = /s.pem\n"),
        "user": conf(tmp_path, "u", "[global]\nproxy = http://user\ncert = /u.pem\n"),
    }
    config = config_of(files, {}, says)

    assert config.text("proxy") == "http://env"
    assert config.values["cert"].source.said == f"global.cert in {files['site']}"
    assert config.values["timeout"].source.level == "global"


def test_environment_beats_command_beats_global(tmp_path: Path) -> None:
    """As pip has it: its section of a command is stronger than [global] of any file."""
    files = {
        "global": conf(tmp_path, "g", "[install]\nindex-url = https://install\nretries = 3\n"),
        "user": conf(tmp_path, "u", "[global]\nindex_url = https://global\n"),
    }

    assert config_of(files, {}).text("index-url") == "https://install"
    config = config_of(files, {"PIP_INDEX_URL": "https://variable", "PIP_RETRIES": ""})
    assert config.values["index-url"].source == Source("environment", "PIP_INDEX_URL")
    assert config.text("retries") == "3"


def test_the_null_device_as_file_means_no_files(tmp_path: Path) -> None:
    """pip lists them all the same."""
    files = {"global": conf(tmp_path, "g", "[global]\nproxy = http://p\n")}

    assert config_of(files, {"PIP_CONFIG_FILE": os.devnull}).text("proxy") == ""


@pytest.mark.parametrize("text", ["proxy = x\n", "[global\n", "[global]\nproxy\n"])
def test_a_file_that_pip_cannot_read_is_named(tmp_path: Path, text: str) -> None:
    path = conf(tmp_path, "g", text)

    assert config_of({"user": path}, {}).unreadable == (str(path),)


def test_a_slow_pip_is_not_a_broken_one() -> None:
    """A small machine takes its time to import it."""
    slow, broken = config_of({}, {}, "", TOO_LATE), config_of({}, {}, "", 1)

    assert (slow.broken, broken.broken) == ("", "Oops: x")
    assert slow.index_url == broken.index_url == "https://fallback.invalid/simple/"


def test_the_documented_files_are_known(tmp_path: Path) -> None:
    environ = {"HOME": "/h", "XDG_CONFIG_DIRS": "/a:/b"}

    assert [path for _, path in usual_files(environ, "/venv", windows=False)] == [
        *("/a/pip/pip.conf", "/b/pip/pip.conf", "/etc/pip.conf"),
        *("/h/.pip/pip.conf", "/h/.config/pip/pip.conf", "/venv/pip.conf"),
    ]
    own = str(conf(tmp_path, "own", ""))
    kinds = [kind for kind, _ in usual_files({**environ, "PIP_CONFIG_FILE": own}, "/v", False)]
    assert kinds == ["global"] * 3 + ["site", "env"]


SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"https://u:{SECRET}@host/simple/",
        f"u:{SECRET}@host:3128",
        f"https://host/simple/?token={SECRET}",
        f"https://host/simple/#{SECRET}",
        f"http://u:{SECRET} more@host:3128",
        f"https://one/ https://{SECRET}@two/",
        f"https:/u:{SECRET}//@host/",
        f"u:{SECRET}//@host/",
        f"tuna https://index=https://u:{SECRET}@host/simple/",
    ],
)
def test_no_password_is_shown(text: str) -> None:
    assert SECRET not in shown(text)


def test_what_is_no_secret_is_shown() -> None:
    assert shown("https://u:x@[::1]:8080/simple/\n  http://b:81 /a/b") == (
        "https://[::1]:8080/simple/ http://b:81 /a/b"
    )


@given(st.text())
def test_anything_can_be_shown(text: str) -> None:
    shown(text)


# --- Which way pip takes ---


def config(version: str = "26.3", **named: str) -> PipConfig:
    values = {}
    for key, text in named.items():
        name = key if key.lower().endswith(("_proxy", "_bundle")) else key.replace("_", "-")
        source = Source("environment" if name == key else "file", name)
        values[name] = Value(name, text, source)
    return PipConfig(values, version, INDEX)


URL = "https://host.invalid/simple/"


@pytest.mark.parametrize(
    ("given", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://e"}, "http://e"),
        ({"HTTPS_PROXY": "e:1"}, "http://e:1"),
        ({"HTTP_PROXY": "http://e"}, None),
        ({"ALL_PROXY": "http://a"}, "http://a"),
        ({"https_proxy": "http://low", "HTTPS_PROXY": "http://up"}, "http://low"),
        ({"proxy": "http://c", "HTTPS_PROXY": "http://e"}, "http://c"),
        ({"proxy": "http://c", "HTTPS_PROXY": "http://e", "version": "22.0"}, "http://e"),
        ({"HTTPS_PROXY": "http://e", "no_proxy_env": "1"}, None),
        ({"HTTPS_PROXY": "http://e", "NO_PROXY": "other, .invalid"}, None),
        ({"HTTPS_PROXY": "http://e", "no_proxy": "host.invalid:443"}, "http://e"),
        ({"HTTPS_PROXY": "http://e", "no_proxy": "*"}, None),
    ],
)
def test_the_proxy_is_the_one_that_pip_takes(given: dict[str, str], proxy: str | None) -> None:
    got = way.proxy_of(URL, config(**given), {})

    assert (got.url if got else None) == proxy


@pytest.mark.parametrize(
    ("bypass", "passed"), [("10.0.0.0/8", True), ("11.0.0.0/8", False), ("10.1.2.3", True)]
)
def test_no_proxy_may_name_networks(bypass: str, passed: bool) -> None:
    got = way.proxy_of("https://10.1.2.3/x", config(HTTPS_PROXY="http://e", no_proxy=bypass), {})

    assert (got is None) is passed


@pytest.mark.parametrize("url", [URL, "https://10.1.2.3/x", "https://[fe80::1]/x", "http://h:81/"])
@pytest.mark.parametrize(
    "bypass",
    [
        *(
            "host.invalid",
            "HOST.invalid",
            ".invalid",
            "st.invalid",
            ".st.invalid",
            "host.invalid:443",
        ),
        *("*", "other, *", "other , host.invalid", "host.invalid other", ".host.invalid", ""),
        *("10.1.2.3", "10.0.0.0/8", "2.3", "11.0.0.0/8", "10.1.2.3/33", "fe80::1", "fe00::/8"),
        *("h:81", "h:82", "[fe80::1]"),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_who_needs_no_proxy_is_whom_pips_requests_asks_without(
    monkeypatch: pytest.MonkeyPatch, url: str, bypass: str, name: str
) -> None:
    """The doctor must not go another way than pip does."""
    environ = {"HTTPS_PROXY": "http://e", "http_proxy": "http://e", name: bypass}
    assert_goes_the_same_way(monkeypatch, url, environ)


@pytest.mark.parametrize("url", [URL, "http://host.invalid/"])
@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "http://up", "https_proxy": ""},
        {"HTTPS_PROXY": "", "https_proxy": "http://low"},
        {"ALL_PROXY": "http://up", "https_proxy": ""},
        {"ALL_PROXY": "http://up", "all_proxy": "", "HTTP_PROXY": "http://h"},
    ],
)
def test_an_empty_variable_takes_the_other_spelling_away(
    monkeypatch: pytest.MonkeyPatch, url: str, environ: dict[str, str]
) -> None:
    """So `https_proxy= pip install` is meant: without the proxy of HTTPS_PROXY."""
    assert_goes_the_same_way(monkeypatch, url, environ)


def assert_goes_the_same_way(
    monkeypatch: pytest.MonkeyPatch, url: str, environ: Mapping[str, str]
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    says = json.dumps([pip.__version__, INDEX, "", ""])
    got = way.proxy_of(url, config_of({}, environ, says), {})

    assert (got.url if got else None) == select_proxy(url, get_environ_proxies(url))


def test_a_proxy_of_the_system_is_told_as_such() -> None:
    """On Windows and macOS nobody finds it in a variable."""
    got = way.proxy_of(URL, config(), {"https": "http://s"})

    assert got is not None
    assert got.source.said == "this system's settings"


@pytest.mark.parametrize(
    ("url", "trusted", "ignored"),
    [
        ("http://host.invalid/simple", "", True),
        ("http://host.invalid/simple", "host.invalid", False),
        ("http://host.invalid:81/simple", "host.invalid:81", False),
        ("http://localhost/", "", False),
        ("http://127.1.2.3/", "", False),
        ("http://10.0.0.1/", "", True),
        ("https://host.invalid/", "", False),
    ],
)
def test_what_pip_ignores_is_known(url: str, trusted: str, ignored: bool) -> None:
    assert way.is_ignored(url, config(trusted_host=trusted)) is ignored


def test_a_home_is_read_where_pip_reads_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bundle that pip finds is not missing."""
    monkeypatch.setenv("HOME", "/home/me")
    files = {"user": conf(tmp_path, "u", "[global]\ncert = ~/ca.pem\nfind-links = ~/wheels\n")}
    environ = {"PIP_CLIENT_CERT": "~/own.pem", "REQUESTS_CA_BUNDLE": "~/other.pem"}
    config = config_of(files, environ)

    assert config.text("cert") == "/home/me/ca.pem"
    assert config.text("client-cert") == "/home/me/own.pem"
    assert config.text("REQUESTS_CA_BUNDLE") == "~/other.pem"
    assert [link for link, _ in way.links_of(config)] == ["/home/me/wheels"]


def test_pips_own_index_stays_the_first_where_it_is_named_twice() -> None:
    urls = way.indexes_of(config(extra_index_url=f"https://b/ {INDEX}"))

    assert [url for url, _ in urls] == [INDEX, "https://b/"]


def test_each_index_is_looked_at_once() -> None:
    urls = [
        url for url, _ in way.indexes_of(config(extra_index_url=f"https://b/ {INDEX} https://b/"))
    ]

    assert urls == [INDEX, "https://b/"]
    assert [url for url, _ in way.indexes_of(config(index_url="https://c/"), ["https://d/"])] == [
        "https://d/"
    ]
