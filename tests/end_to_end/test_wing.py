"""Does a healthy run do without what only trouble needs, and does trouble get all of it in time?

pip 26.3 blocks imports once it installs: what is not there by then is not there
at the end either, where there is most to say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import Environment, our_lines
from tests.end_to_end.fetching import CUT, SIZE, fetch, fetched, last_line
from tests.faults import FaultServer, Reset
from tests.packages import Index
from tests.servers.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence

# pip's own command line, and what of ours is imported before the first wheel is
# installed and at the end of the process.
WATCHED = """
import atexit, json, sys
sys.argv = ["pip", *{arguments!r}]
seen = {{}}
def note(when):
    seen.setdefault(when, [n for n in sys.modules if n.startswith("pip_resilient")])
atexit.register(lambda: (note("end"), print(json.dumps(seen), file=sys.stderr)))
from pip._internal.cli.main import main
import pip._internal.commands.install as seam
install_given_reqs = seam.install_given_reqs
def noted(*args, **options):
    note("install")
    return install_given_reqs(*args, **options)
seam.install_given_reqs = noted
sys.exit(main())
"""


def imported(environment: Environment, arguments: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return the names of our modules before anything is installed, and at the end."""
    done = environment.python(WATCHED.format(arguments=list(arguments)))
    seen = json.loads(last_line(done))

    assert done.returncode == 0, done.stderr
    return set(seen["install"]), set(seen["end"])


def install(index: Index) -> tuple[str, ...]:
    return ("install", "--index-url", index.url, "--target", "site", "demo")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_healthy_run_needs_no_wing(environment: Environment, tls: bool) -> None:
    """It would pay for it with a hundredth of its time; over https its pages are kept."""
    authority = Authority() if tls else None
    certificate = environment.home / "authority.pem"
    with FaultServer(tls=authority) as server:
        # pip 25.0 … 25.3 take no address over https.
        by_name = server.url.replace("127.0.0.1", "localhost")
        index = Index(server, pages_url=by_name, files_url=by_name)
        index.add_wheel("demo", "1.0", size=SIZE)
        options = () if authority is None else ("--cert", authority.write_to(certificate))
        before, after = imported(environment, (*install(index), *options))

    assert "pip_resilient.hook" in before
    assert ("pip_resilient.store.last_good" in before) == tls
    assert not any(name in after for name in ("pip_resilient.wing", "pip_resilient.events"))


@pytest.mark.parametrize("where", ["/simple/", "*.whl"])
def test_trouble_has_all_of_it_before_anything_is_installed(
    environment: Environment, server: FaultServer, where: str
) -> None:
    """Later pip may block it, or have replaced our files by those of another version."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Reset(after=20).when(where, first=1)]
    before, after = imported(environment, install(index))

    assert "pip_resilient.wing" in before
    assert before == after


def test_the_summary_comes_where_imports_are_blocked(
    newest: Environment, server: FaultServer
) -> None:
    """The end of the run is behind the wall."""
    index = Index(server)
    index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = newest.pip(*install(index))

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in last_line(done)


def test_what_only_a_child_has_told_is_told(
    oldest_and_newest: Environment, server: FaultServer
) -> None:
    """The outermost pip saw no trouble of its own, and reads of it behind the wall."""
    index = Index(server)
    index.add_backend(size=SIZE)
    index.add_sdist("demo", "1.0", size=SIZE)
    server.script = [CUT]
    done = oldest_and_newest.pip(*install(index))

    assert done.returncode == 0, done.stderr
    assert "healed 1 interruption" in last_line(done)


@pytest.mark.parametrize("module", ["wing", "events", "session/continuation"])
def test_a_broken_wing_lets_pip_go_on_alone(
    damaged: Environment, server: FaultServer, module: str
) -> None:
    """A disk that lost a block must not lose pip its own retries."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [Reset(after=20).when("/simple/", first=1)]
    (damaged.site_packages / "pip_resilient" / f"{module}.py").write_text("def broken(:\n")
    done = fetch(damaged, index.url)

    assert done.returncode == 0, done.stderr
    assert fetched(damaged, held) == held.content
    assert ["standing aside" in line for line in our_lines(done.stderr)] == [True]
    assert "Traceback" not in done.stderr
