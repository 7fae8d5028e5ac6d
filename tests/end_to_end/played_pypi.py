"""How does a test play PyPI itself, over TLS and under its own names?

The rule: the names are pip's own constants, a local proxy leads them to local
servers, and nothing leaves this machine: the proxy knows no host but those. So
pip's HTTP cache is in use (it stores nothing that came over http), file paths
carry PyPI's blake2b-256, and two hosts are two hosts. Any further host, such as
a public mirror's, is played in the same way: see `host` and `mirror`.

Two ways lead there. With options, `--proxy` and `--cert`: pip then sends
everything through the proxy, whatever its scheme. With the environment, see
`environ`: https goes through the proxy, and the loopback is always asked
directly (NO_PROXY), as is all that is plain http; so a mirror that runs on this
machine is neither routed nor cut. Unnamed mirrors are off with options like
these, so their tests have to take the second way.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pip._internal.models.index import PyPI

from tests.faults import Authority, FaultProxy, FaultServer
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.end_to_end.environments import Environment
    from tests.packages import PageForm

INDEX_URL = f"https://{PyPI.netloc}/simple/"


@dataclass(frozen=True)
class PlayedMirror:
    """A public mirror on this machine: its one host, and what it holds there."""

    server: FaultServer
    index: Index


@dataclass(frozen=True)
class PlayedPyPI:
    """PyPI on this machine: its index, its file host, the way to them, and its certificate."""

    pages: FaultServer
    files: FaultServer
    proxy: FaultProxy
    authority: Authority
    index: Index
    _open: contextlib.ExitStack
    _hosts: dict[str, FaultServer] = field(default_factory=dict)

    def host(self, name: str) -> FaultServer:
        """Return the server that plays a further host, by https alone; the same at each call."""
        if name not in self._hosts:
            server = FaultServer(tls=self.authority, names=[name])
            self._hosts[name] = self._open.enter_context(server)
            self.proxy.routes[name, 443] = ("127.0.0.1", server.port)
        return self._hosts[name]

    def mirror(self, name: str, prefix: str = "", form: PageForm | None = None) -> PlayedMirror:
        """Play a full mirror, with all that the index holds now.

        Args:
            name: The mirror's host name.
            prefix: What stands before `/simple/…` and `/packages/aa/bb/…` there ("/pypi").
            form: How it sends its pages.
        """
        server = self.host(name)
        url = f"https://{name}"
        index = Index(server, pages_url=url, files_url=url, prefix=prefix, form=form)
        index.add_all(self.index.distributions)
        return PlayedMirror(server, index)

    def environ(self, environment: Environment) -> dict[str, str]:
        """Return the variables that make this the internet, with no option of pip given.

        requests reads the first of the two names of the certificate, in every
        pip; OpenSSL, and so truststore in pip ≥ 24.2, the second.
        """
        certificate = str(self._certificate(environment))
        return {
            "HTTPS_PROXY": self.proxy.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": certificate,
            "SSL_CERT_FILE": certificate,
        }

    def pip(
        self,
        environment: Environment,
        *arguments: str,
        armed: bool = True,
        by_options: bool = True,
        env: Mapping[str, str] | None = None,
        **options: object,
    ) -> subprocess.CompletedProcess[str]:
        """Run pip as if this were the internet; the index is PyPI by default.

        It is told so by options or, with `by_options=False`, by its environment.
        """
        told = {} if by_options else self.environ(environment)
        if by_options:
            certificate = str(self._certificate(environment))
            arguments += ("--proxy", self.proxy.url, "--cert", certificate)
        env = {**told, **(env or {})}
        return environment.pip(*arguments, armed=armed, env=env, **options)  # type: ignore[arg-type]

    def _certificate(self, environment: Environment) -> Path:
        path = environment.home / "authority.pem"
        self.authority.write_to(path)
        return path


@contextlib.contextmanager
def played_pypi(form: PageForm | None = None) -> Iterator[PlayedPyPI]:
    """Lend a PyPI that fails as its scripts say."""
    authority = Authority()
    with (
        contextlib.ExitStack() as further,
        FaultServer(tls=authority, names=[PyPI.netloc]) as pages,
        FaultServer(tls=authority, names=[PyPI.file_storage_domain]) as files,
        FaultProxy(
            routes={
                (PyPI.netloc, 443): ("127.0.0.1", pages.port),
                (PyPI.file_storage_domain, 443): ("127.0.0.1", files.port),
            },
            outside=False,
        ) as proxy,
    ):
        index = Index(
            pages,
            files,
            pages_url=f"https://{PyPI.netloc}",
            files_url=f"https://{PyPI.file_storage_domain}",
            form=form,
        )
        yield PlayedPyPI(pages, files, proxy, authority, index, further)
