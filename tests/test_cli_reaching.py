"""Is it said, and only said, where the carrier does not reach?"""

from __future__ import annotations

from pathlib import Path

import pytest

from pip_resilient.cli import reaching

DOCS = Path(__file__).parents[1] / "docs" / "run.md"
INSTALL = "install_command=python -m pip install {opts} {packages}"
HANDS_ON = "pass_env+=PYTHONPATH,PIP_RESILIENT,PIP_RESILIENT_*"


def said(line: str) -> str:
    """Return what is told of a command, in one text."""
    return "\n".join(reaching.of(line.split(), {}, "/nonexistent").notices)


@pytest.mark.parametrize(
    "line",
    [
        "pip install demo",
        "python -m pip -I",
        "python script.py -I",
        "python -c -I",
        "python -P -m pip list",
        "python -W ignore::I -m pip",
        "python -Xutf8 -sm pip",
        "python",
        "python - -I",
        "python --version",
        "./toxic -I",
        "virtualenv --seeder pip env",
        "sh -c true",
    ],
)
def test_what_is_reached_is_not_talked_about(line: str) -> None:
    """A warning that is wrong once is not read the second time."""
    assert said(line) == ""


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("python -I -m pip list", "-I"),
        ("/usr/bin/python3.12 -Im pip list", "-I"),
        ("python3 -E script.py", "-E"),
        ("python3.13t -BI", "-I"),
        ("Python.exe -X dev -W error -ISc pass", "-I -S"),
        ("pypy3 -S script.py", "-S"),
        ("python -Im tox", "-I"),
    ],
)
def test_a_python_that_ignores_the_environment(line: str, flags: str) -> None:
    """It would look as if the plugin did not help."""
    assert said(line).startswith(f"python {flags} ignores PYTHONPATH")


def test_under_s_no_installed_plugin_helps() -> None:
    """It reads no `.pth`."""
    assert "leave out -S" in said("python -S x.py")
    assert "in that Python's own environment" in said("python -E x.py")


@pytest.mark.parametrize("line", ["pipx install demo", "python3 -m pipx run demo"])
def test_pipx(line: str) -> None:
    """It takes PYTHONPATH away."""
    assert "--preinstall pip-resilient" in said(line)


def test_sudo_and_virtualenv() -> None:
    """Each has a way round."""
    assert "sudo pip-resilient run" in said("sudo pip install demo")
    assert "--download" in said("virtualenv --seeder pip --download env")


# tox.


@pytest.mark.parametrize("line", ["tox -e py", "/opt/bin/tox", "python -m tox", "python -m tox -p"])
def test_tox_is_told_to_install_otherwise(line: str, tmp_path: Path) -> None:
    """It changes how the user's tox installs: that is said."""
    (tmp_path / "tox.ini").write_text("[testenv]\n")
    reach = reaching.of(line.split(), {"PATH": "/bin"}, str(tmp_path))

    assert "TOX_OVERRIDE" in reach.notices[0]
    assert reach.environ == {
        "PATH": "/bin",
        "TOX_OVERRIDE": ";".join(
            f"{section}.{what}" for section in ("testenv", "pkgenv") for what in (INSTALL, HANDS_ON)
        ),
    }


def test_a_tox_override_of_the_users_stays(tmp_path: Path) -> None:
    """Two would be one too many; what to add is said."""
    environ = {"TOX_OVERRIDE": "testenv.deps=x"}
    reach = reaching.of(["tox"], environ, str(tmp_path))

    assert reach.environ == environ
    assert "testenv." + INSTALL in reach.notices[0]
    assert "testenv." + HANDS_ON in reach.notices[0]


@pytest.mark.parametrize("name", ["tox.ini", "setup.cfg", "pyproject.toml", "tox.toml"])
def test_an_install_command_of_the_users_stays(name: str, tmp_path: Path) -> None:
    """It may need what it does."""
    (tmp_path / name).write_text("install_command = mine")
    reach = reaching.of(["tox"], {}, str(tmp_path))

    assert "your own install_command stays" in reach.notices[0]
    assert "install_command" not in reach.environ["TOX_OVERRIDE"]
    assert "testenv." + HANDS_ON in reach.environ["TOX_OVERRIDE"]


def test_the_recipes_stand_in_the_documentation(tmp_path: Path) -> None:
    """Two texts of one recipe part ways."""
    text = DOCS.read_text("utf-8")

    assert reaching.of(["tox"], {}, str(tmp_path)).environ["TOX_OVERRIDE"] in text
    assert said("pipx install").partition("This works: ")[2] in text
    assert said("sudo true").partition("This works: ")[2] in text
