"""Is what the user wants found, and what is wrong with it told, without stopping pip?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.settings import NAMES, PATIENCE_IN_CI, Settings, load


def loaded(said: dict[str, str] | None = None, **more: object) -> Settings:
    return load((said or {}).get, **more)


def test_nothing_said_means_the_defaults() -> None:
    """They are what the README promises."""
    assert loaded() == Settings(10.0, 60.0, 150.0, None, None, ())


def test_in_ci_patience_is_longer() -> None:
    """Nobody waits at a terminal there."""
    assert loaded(in_ci=True).patience == PATIENCE_IN_CI == 300.0
    assert loaded({":env:.resilient-patience": "7"}, in_ci=True).patience == 7.0


@pytest.mark.parametrize(
    ("sections", "value"),
    [
        ((":env:", "install", "global"), 1.0),
        (("install", "global"), 2.0),
        (("global",), 3.0),
        (("download",), 150.0),
    ],
)
def test_the_environment_beats_the_command_and_the_command_beats_global(
    sections: tuple[str, ...], value: float
) -> None:
    """It is pip's own order."""
    values = {":env:": "1", "install": "2", "global": "3", "download": "4"}
    said = {f"{section}.resilient-patience": values[section] for section in sections}

    assert loaded(said, command="install").patience == value


def test_without_a_command_only_global_is_asked() -> None:
    """`None.resilient-patience` is nobody's setting."""
    assert loaded({"None.resilient-patience": "1"}).patience == 150.0


@pytest.mark.parametrize(
    "name", sorted(set(NAMES) - {"log", "state_dir", "mirrors", "connections"})
)
def test_every_number_can_be_set(name: str) -> None:
    """A setting that is documented and not read is a lie."""
    said = {f":env:.resilient-{name.replace('_', '-')}": "7.5"}

    assert getattr(loaded(said), name) == 7.5


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_number_of_connections_can_be_set(count: int) -> None:
    """1 switches them off."""
    assert loaded({":env:.resilient-connections": f" {count}"}).connections == count


@pytest.mark.parametrize("text", ["0", "5", "-1", "2.0", "many", "٣", "1" * 5000])
def test_a_wrong_number_of_connections_is_told(text: str) -> None:
    """More than four to one host would be at the cost of others."""
    settings = loaded({"install.resilient-connections": text}, command="install")

    assert settings.connections == 4
    assert settings.problems == (
        f"resilient-connections in pip.conf is {text!r}, not a number from 1 to 4: using 4",
    )


def test_mirrors_are_heard_on_every_level() -> None:
    """What pip.conf forbids, the environment does not allow by its default."""
    said = {":env:.resilient-mirrors": "default", "global.resilient-mirrors": "none"}

    assert loaded(said).mirrors == ("default", "none")


@pytest.mark.parametrize(
    ("said", "mirrors"),
    [
        ({}, ()),
        ({"global.resilient-mirrors": ""}, ("",)),
        ({"install.resilient-mirrors": "a", "global.resilient-mirrors": "b"}, ("a", "b")),
        ({"download.resilient-mirrors": "a", "global.resilient-mirrors": "b"}, ("b",)),
    ],
)
def test_mirrors_are_heard_in_pips_own_order(
    said: dict[str, str], mirrors: tuple[str, ...]
) -> None:
    """Another command's section is for another command."""
    assert loaded(said, command="install").mirrors == mirrors


def test_a_minimal_speed_may_be_high() -> None:
    """It is no number of seconds; on a fast line 5 MB/s are slow."""
    settings = loaded({":env:.resilient-min-speed": "5e6"})

    assert (settings.min_speed, settings.problems) == (5e6, ())


@pytest.mark.parametrize("text", ["fast", "-1", "nan", "inf"])
def test_a_wrong_speed_is_told_in_its_own_unit(text: str) -> None:
    """Seconds would be looked for elsewhere."""
    settings = loaded({":env:.resilient-min-speed": text})

    assert settings.min_speed == 51200.0
    assert settings.problems == (
        f"PIP_RESILIENT_MIN_SPEED is {text!r}, not a number of bytes per second: using 51200.0",
    )


@pytest.mark.parametrize("name", ["read-timeout", "connections", "state-dir", "log"])
@pytest.mark.parametrize("text", ["", " "])
def test_what_is_empty_was_not_said(name: str, text: str) -> None:
    """A template of a CI leaves variables empty; a healthy run says nothing."""
    said = {f":env:.resilient-{name}": text}

    assert loaded(said) == loaded()
    assert loaded({**said, f"global.resilient-{name}": "3"}) != loaded()


@pytest.mark.parametrize("text", ["NONE", " none", "None\t"])
def test_no_state_is_meant_however_it_is_spelt(text: str) -> None:
    """Else a folder of that name is filled, wherever pip happens to run."""
    assert loaded({":env:.resilient-state-dir": text}).state_dir == "none"


@pytest.mark.parametrize("text", ["", "none", "/var/cache/here"])
def test_the_state_folder_is_text(text: str) -> None:
    """`none` is nothing to be remembered; what a folder is, is not judged here."""
    assert loaded({":env:.resilient-state-dir": text}).state_dir == text
    assert loaded().state_dir == ""


@pytest.mark.parametrize("name", ["stale", "min_speed"])
def test_zero_switches_off(name: str) -> None:
    """STALE=0 means never."""
    said = {f":env:.resilient-{name.replace('_', '-')}": "0"}

    assert getattr(loaded(said), name) == 0.0


def test_the_log_is_a_file_name() -> None:
    """A file may be called 12."""
    assert loaded({":env:.resilient-log": "12"}).log == "12"


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e300", "10s"])
def test_a_wrong_number_takes_its_default_and_is_told(text: str) -> None:
    """A zero would end every request at once, an endless one would hang pip."""
    settings = loaded({":env:.resilient-read-timeout": text})

    assert settings.read_timeout == 60.0
    assert settings.problems == (
        f"PIP_RESILIENT_READ_TIMEOUT is {text!r}, not a number of seconds: using 60.0",
    )


def test_a_problem_in_pip_conf_is_told_by_its_key() -> None:
    """Nobody looks into pip.conf for a variable."""
    settings = loaded({"global.resilient-deadline": "soon"})

    assert settings.problems == (
        "resilient-deadline in pip.conf is 'soon', not a number of seconds: using none",
    )


def test_all_problems_are_told_at_once() -> None:
    """One per run would be one run per typing error."""
    said = {":env:.resilient-patience": "x", ":env:.resilient-deadline": "y"}
    settings = loaded(said, names_in_environment=["PIP_RESILIENT_PATIENSE"])

    assert len(settings.problems) == 3


@pytest.mark.parametrize(
    "name", ["PIP_RESILIENT", "PIP_RESILIENT_RUN", "PIP_RESILIENT_LOG", "PIP_RETRIES", "PATH"]
)
def test_what_is_known_or_not_ours_is_no_problem(name: str) -> None:
    """A line in every run would be switched off, and us with it."""
    assert loaded(names_in_environment=[name]).problems == ()


def test_a_misspelt_variable_is_told_with_the_right_ones() -> None:
    """It would be obeyed by nobody, in silence."""
    (problem,) = loaded(names_in_environment=["PIP_RESILIENT_TIMEOUT"]).problems

    assert problem.startswith("PIP_RESILIENT_TIMEOUT is not a setting; known are ")
    assert "PIP_RESILIENT_READ_TIMEOUT" in problem


@given(st.dictionaries(st.sampled_from(NAMES), st.text()), st.lists(st.text()))
def test_no_text_stops_pip(said: dict[str, str], names: list[str]) -> None:
    """Nothing here is ever a reason not to run pip."""
    keys = {f":env:.resilient-{name.replace('_', '-')}": text for name, text in said.items()}
    settings = loaded(keys, names_in_environment=names)

    assert settings.patience > 0
    assert settings.deadline is None or settings.deadline > 0
