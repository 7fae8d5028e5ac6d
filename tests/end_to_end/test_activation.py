"""Does the plugin come in where it is asked for, and only there, on every pip?

Black box: the built wheel, installed by the pip in question, seen from outside.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, built_wheel, left_of_ours, our_lines
from tests.end_to_end.local_index import serving, write_index, write_wheel

if TYPE_CHECKING:
    from pathlib import Path

# What of ours a fresh interpreter has loaded, and how many finders of ours wait.
LOADED = """
import sys
print(*sorted(name for name in sys.modules if name.partition(".")[0] == "pip_resilient"))
print(sum(type(each).__module__.startswith("pip_resilient") for each in sys.meta_path))
"""

# What pip's session is made of: is __init__ wrapped, who is in each adapter's family?
SESSION = """
import pip._internal.network.session as seam
pips_own = {
    each for name, each in vars(seam).items()
    if isinstance(each, type) and name.endswith("Adapter") and not name.startswith("_")
}
pips_own.add(seam.requests.adapters.BaseAdapter)
session = seam.PipSession(trusted_hosts=["trusted.example"])
print("wrapped", hasattr(seam.PipSession.__init__, "__wrapped__"))
for prefix, adapter in session.adapters.items():
    family = type(adapter).__mro__
    ours = any(each.__module__.split(".")[0] == "pip_resilient" for each in family)
    print(prefix, ours, any(isinstance(adapter, each) for each in pips_own))
"""


def test_the_wheel_carries_the_pth_at_its_root() -> None:
    """Anywhere else Python never reads it, and the plugin is installed but never on."""
    with zipfile.ZipFile(built_wheel()) as wheel:
        names = wheel.namelist()
        record = next(name for name in names if name.endswith(".dist-info/RECORD"))
        recorded = {line.split(",")[0] for line in wheel.read(record).decode().splitlines()}
        pth = wheel.read("pip_resilient.pth").decode("ascii")

    assert recorded == set(names)
    assert {name.split("/")[0] for name in names} == {
        "pip_resilient",
        "pip_resilient.pth",
        record.split("/")[0],
    }
    assert len(pth.splitlines()) == 1


def test_the_wheel_is_small() -> None:
    """It is downloaded over the bad network that it is meant to help with."""
    assert built_wheel().stat().st_size < 330_000


@pytest.mark.parametrize("value", [None, "", "0", "off", "no", "false", "2", "enable"])
def test_off_means_that_nothing_of_ours_is_imported(
    each_python: Environment, value: str | None
) -> None:
    """Every Python process of the environment would pay for a plugin nobody asked for."""
    variable = {} if value is None else {"PIP_RESILIENT": value}
    seen = each_python.python(LOADED, armed=False, env=variable)

    assert (seen.stdout, seen.stderr) == ("\n0\n", "")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on", " On "])
def test_on_means_two_modules_and_one_finder(each_python: Environment, value: str) -> None:
    """A virtual environment runs the `.pth` twice; anything more is paid by every process."""
    seen = each_python.python(LOADED, env={"PIP_RESILIENT": value})

    assert seen.stdout.splitlines() == ["pip_resilient pip_resilient.activate", "1"]
    assert seen.stderr == ""


def test_every_adapter_of_a_session_is_ours_and_still_pips(environment: Environment) -> None:
    """An adapter that is not ours has no patience; one that is not pip's is not cached."""
    seen = environment.python(SESSION)
    first, *adapters = seen.stdout.splitlines()

    assert (seen.returncode, seen.stderr) == (0, "")
    assert first == "wrapped True"
    remote = [line for line in adapters if not line.startswith("file:")]
    assert len(remote) >= 3
    assert all(line.endswith("True True") for line in remote), seen.stdout


@pytest.mark.parametrize("command", ["--version", "list", "freeze"])
def test_commands_without_network_print_the_same_bytes(
    environment: Environment, command: str
) -> None:
    """Scripts read pip's output; one byte of ours on stdout breaks them."""
    without = environment.pip(*command.split(), armed=False)
    armed = environment.pip(*command.split())

    assert without.returncode == 0
    assert armed.stdout == without.stdout
    assert armed.stderr == without.stderr


def test_an_armed_pip_installs_from_an_index_in_silence(
    environment: Environment, tmp_path: Path
) -> None:
    """On a healthy network the plugin must not be noticed at all."""
    index = write_index(tmp_path, write_wheel(tmp_path, "needle"))
    with serving(index) as url, environment.throw_away_copy() as private:
        done = private.pip("install", "--index-url", url, "needle")
        shown = private.python("import needle; print(needle.__version__)", armed=False)

    assert done.returncode == 0, done.stderr
    assert our_lines(done.stderr + done.stdout) == []
    assert shown.stdout == "1.0\n"


def test_uninstalling_leaves_nothing_of_ours(environment: Environment) -> None:
    """A `.pth` left behind prints a traceback at every start of Python, for ever."""
    with environment.throw_away_copy() as private:
        before = private.pip("uninstall", "-y", "pip-resilient")
        after = private.pip("list")

        assert before.returncode == 0, before.stderr
        assert our_lines(before.stderr) == []
        assert left_of_ours(private) == []
        assert (after.returncode, after.stderr) == (0, "")
