"""Do others who step in when Python starts go together with us?

The rule: their `.pth` lies beside ours and does its work, ours does ours, and a
Python that runs no pip says nothing. What changes certificates changes those that
our own connections are verified against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.environments import our_lines
from tests.end_to_end.fetching import (
    CUT_PAGE,
    DROPS,
    NEWEST,
    SIZE,
    assert_healed,
    assert_in_pieces,
    fetch,
    of_pip,
)
from tests.end_to_end.tools import with_beside
from tests.faults import Authority, FaultServer
from tests.packages import Index

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = "import sys; print(*sorted(type(one).__name__ for one in sys.meta_path))"


@pytest.fixture
def authority() -> Authority:
    return Authority()


def trusting(authority: Authority, folder: Path) -> dict[str, str]:
    """Let the system trust the authority: OpenSSL reads its certificates from there."""
    return {"SSL_CERT_FILE": authority.write_to(folder / "authority.pem")}


def test_a_pip_that_another_program_starts_speaks_for_itself(server: FaultServer) -> None:
    """There every Python has imported pip, also one that only starts others."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    words = ("-m", "pip", "download", "--no-deps", "--dest", "out", "--index-url", index.url)
    code = f"import subprocess, sys; subprocess.check_call([sys.executable, *{words!r}, 'demo'])"
    server.script = [DROPS]
    with with_beside(of_pip(NEWEST), "pip-system-certs") as environment:
        done = environment.python(code)

        assert_healed(done, environment, held)


@pytest.mark.parametrize("pip", ["25.0.1", NEWEST])
def test_pip_system_certs(authority: Authority, pip: str) -> None:
    """It imports pip's session while Python starts, in every process, before pip is asked for."""
    with (
        FaultServer(tls=authority, host="localhost") as server,
        with_beside(of_pip(pip), "pip-system-certs") as environment,
    ):
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        env = trusting(authority, environment.home)
        stranger = fetch(environment, index.url, "--retries", "0", armed=False)
        server.script = [CUT_PAGE]
        plain = fetch(environment, index.url, armed=False, env=env)
        server.script = [DROPS]
        armed = fetch(environment, index.url, env=env)
        silent = environment.python(SHOWN, env=env)
        injected = environment.python("import ssl; print(ssl.SSLContext.__module__)").stdout

        assert_healed(armed, environment, held)

    assert stranger.returncode != 0
    assert plain.returncode != 0
    assert "truststore" in injected
    assert_in_pieces(server, held)
    assert silent.stderr == ""
    assert our_lines(silent.stdout) == []


def test_truststore(authority: Authority) -> None:
    """Where pip takes it as a feature, up to 24.1, our connections take it too."""
    options = ("--use-feature", "truststore")
    with (
        FaultServer(tls=authority, host="localhost") as server,
        with_beside(of_pip("23.0.1"), "truststore") as environment,
    ):
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        env = trusting(authority, environment.home)
        stranger = fetch(environment, index.url, "--retries", "0", armed=False, env=env)
        server.script = [DROPS]
        armed = fetch(environment, index.url, *options, env=env)

        assert_healed(armed, environment, held)

    assert stranger.returncode != 0
    assert_in_pieces(server, held)


def test_an_authority_that_nobody_trusts_stays_untrusted(authority: Authority) -> None:
    """With all of them beside us, verification is as strict as before."""
    with (
        FaultServer(tls=authority, host="localhost") as server,
        with_beside(of_pip(NEWEST), "pip-system-certs", "truststore") as environment,
    ):
        index = Index(server)
        index.add_wheel("demo", "1.0", size=SIZE)
        done = fetch(environment, index.url)

    assert done.returncode != 0
    assert server.log == []
