"""How does a test play PyPI itself, over TLS and under its own names?

The rule: the names are pip's own constants, a local proxy leads them to local
servers, and nothing leaves this machine. So pip's HTTP cache is in use (it
stores nothing that came over http), file paths carry PyPI's blake2b-256, and
two hosts are two hosts.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pip._internal.models.index import PyPI

from tests.faults import Authority, FaultProxy, FaultServer
from tests.packages import Index

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.end_to_end.environments import Environment
    from tests.packages import PageForm

INDEX_URL = f"https://{PyPI.netloc}/simple/"


@dataclass(frozen=True)
class PlayedPyPI:
    """PyPI on this machine: its index, its file host, the way to them, and its certificate."""

    pages: FaultServer
    files: FaultServer
    proxy: FaultProxy
    authority: Authority
    index: Index

    def pip(
        self, environment: Environment, *arguments: str, armed: bool = True, **options: object
    ) -> subprocess.CompletedProcess[str]:
        """Run pip as if this were the internet; the index is PyPI by default."""
        certificate = environment.home / "authority.pem"
        self.authority.write_to(certificate)
        via = ("--proxy", self.proxy.url, "--cert", str(certificate))
        return environment.pip(*arguments, *via, armed=armed, **options)  # type: ignore[arg-type]


@contextlib.contextmanager
def played_pypi(form: PageForm | None = None) -> Iterator[PlayedPyPI]:
    """Lend a PyPI that fails as its scripts say."""
    authority = Authority()
    with (
        FaultServer(tls=authority, names=[PyPI.netloc]) as pages,
        FaultServer(tls=authority, names=[PyPI.file_storage_domain]) as files,
        FaultProxy(
            routes={
                (PyPI.netloc, 443): ("127.0.0.1", pages.port),
                (PyPI.file_storage_domain, 443): ("127.0.0.1", files.port),
            }
        ) as proxy,
    ):
        index = Index(
            pages,
            files,
            pages_url=f"https://{PyPI.netloc}",
            files_url=f"https://{PyPI.file_storage_domain}",
            form=form,
        )
        yield PlayedPyPI(pages, files, proxy, authority, index)
