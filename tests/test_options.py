"""Is what the user said to pip itself understood, and only looked at?"""

from __future__ import annotations

import sys
from configparser import RawConfigParser

import pytest

from pip_resilient.options import Said, in_ci, on_command_line


class Missing(Exception):
    """Stands for pip's ConfigurationError."""


class Configuration:
    """pip's `configuration` module as it is used: a class that loads and gives values."""

    def __init__(self, **values: object) -> None:
        self.values = values
        self.isolated: bool | None = None
        self.loaded = False

    def Configuration(self, isolated: bool) -> Configuration:  # noqa: N802
        self.isolated = isolated
        return self

    def load(self) -> None:
        self.loaded = True

        parser = RawConfigParser()
        parser.read_string(
            "[global]\nproxy = http://in.file:1\n[install]\nproxy = http://u:p@i:2\n"
        )
        self._parsers = {"user": [("/home/me/pip.conf", parser)]}

    def get_value(self, key: str) -> object:
        assert self.loaded
        try:
            return self.values[key]
        except KeyError:
            raise Missing(key) from None


def said(monkeypatch: pytest.MonkeyPatch, line: str, **values: object) -> Said:
    monkeypatch.setattr(sys, "argv", line.split())
    commands = {"install": None, "download": None}
    return Said(Configuration(**values), Missing, commands)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("pip install demo", None),
        ("pip install --retries 7 demo", "7"),
        ("pip --retries=7 install demo", "7"),
        ("pip --retries=7 install --retries 3 demo", "3"),
        ("pip install --retries= demo", ""),
        ("pip install demo --retries", None),
        ("pip install --retries-not=5 demo", None),
        ("pip install --retrie 0 demo", "0"),
        ("pip install --ret=0 demo", "0"),
        ("pip install --re=0 demo", None),
    ],
)
def test_the_last_value_on_the_command_line_counts(
    monkeypatch: pytest.MonkeyPatch, line: str, value: str | None
) -> None:
    """It is so for pip's own parser."""
    monkeypatch.setattr(sys, "argv", line.split())

    assert on_command_line("--retries", "--ret") == value


@pytest.mark.parametrize(
    ("line", "values", "retries"),
    [
        ("pip install demo", {}, None),
        ("pip install --retries 7 demo", {":env:.retries": "1"}, 7),
        ("pip install demo", {":env:.retries": "1", "install.retries": "2"}, 1),
        ("pip install demo", {"install.retries": "2", "global.retries": "3"}, 2),
        ("pip install demo", {"download.retries": "2", "global.retries": "3"}, 3),
        ("pip install --retries 0 demo", {}, 0),
        ("pip install --retries -3 demo", {}, 0),
        ("pip install --retries many demo", {}, None),
    ],
)
def test_retries_are_looked_for_as_pip_does(
    monkeypatch: pytest.MonkeyPatch, line: str, values: dict[str, str], retries: int | None
) -> None:
    """`retries = 0` in pip.conf means one attempt, wherever it stands."""
    assert said(monkeypatch, line, **values).retries() == retries


def test_the_command_is_found_among_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its section of pip.conf is the one to read."""
    assert said(monkeypatch, "pip -v --proxy x install demo").command == "install"
    assert said(monkeypatch, "pip --version").command is None


@pytest.mark.parametrize("line", ["pip install --isolated demo", "pip --isolated install demo"])
def test_isolated_is_handed_on(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Whoever isolates pip from its settings isolates it from ours."""
    configuration = Configuration()
    monkeypatch.setattr(sys, "argv", line.split())

    assert Said(configuration, Missing, {}).isolated
    assert configuration.isolated


def test_a_missing_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip raises there."""
    assert said(monkeypatch, "pip install", **{"global.timeout": 5}).look_up("global.no") is None


def test_a_value_is_a_string(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some pips give numbers."""
    found = said(monkeypatch, "pip install", **{"global.timeout": 5})

    assert found.look_up("global.timeout") == "5"


@pytest.mark.parametrize(
    ("value", "answer"),
    [("true", True), ("1", True), ("GitHub", True), ("", False), ("0", False), ("False", False)],
)
def test_ci_is_what_ci_says(monkeypatch: pytest.MonkeyPatch, value: str, answer: bool) -> None:
    """Some set CI=false at their terminal."""
    monkeypatch.setenv("CI", value)

    assert in_ci() is answer


def test_without_the_variable_it_is_no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is shorter where somebody waits."""
    monkeypatch.delenv("CI", raising=False)

    assert not in_ci()


def test_every_proxy_is_known_by_what_sets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody remembers where, and pip's files are many."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://by.variable:3")
    monkeypatch.setenv("http_proxy", "http://by.variable:6")
    monkeypatch.setenv("ALL_PROXY", "http://by.variable:7")
    monkeypatch.setenv("PIP_PROXY", "http://by.pip:4")
    values = {"global.proxy": "http://in.file:1", "install.proxy": "http://u:p@i:2"}
    found = said(monkeypatch, "pip install --proxy by.option:5 demo", **values)

    assert list(found.proxies("https").items()) == [
        ("--proxy", "by.option:5"),
        ("PIP_PROXY in the environment", "http://by.pip:4"),
        ("install.proxy in /home/me/pip.conf", "http://u:p@i:2"),
        ("global.proxy in /home/me/pip.conf", "http://in.file:1"),
        ("HTTPS_PROXY in the environment", "http://by.variable:3"),
        ("ALL_PROXY in the environment", "http://by.variable:7"),
    ]
    assert list(found.proxies("http"))[-2:] == [
        "http_proxy in the environment",
        "ALL_PROXY in the environment",
    ]


def test_of_two_files_with_a_proxy_the_stronger_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """pip keeps what it has read the weakest first."""
    known = said(monkeypatch, "pip download demo")
    weak = RawConfigParser()
    weak.read_string("[global]\nproxy = http://in.file:1\n")
    known._loaded._parsers = {"global": [("/etc/pip.conf", weak)], **known._loaded._parsers}

    assert list(known.proxies("https"))[:2] == [
        "global.proxy in /home/me/pip.conf",
        "global.proxy in /etc/pip.conf",
    ]


def test_a_proxy_of_files_that_pip_hides_is_known_by_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where pip keeps what it has read is pip's own business, and may change."""
    known = said(monkeypatch, "pip download demo", **{"global.proxy": "http://in.file:1"})
    monkeypatch.delattr(known._loaded, "_parsers")

    assert known.proxies("https")["global.proxy in pip.conf"] == "http://in.file:1"
