"""Which small distributions can a test install, and how does an index offer them?

Wheels and sdists are made in memory; the same arguments give the same bytes.
`Index` puts them on a `FaultServer` as PyPI does: pages in HTML and JSON, metadata
beside the file, and files under a path made of their BLAKE2b-256 digest.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.index_pages import (
    HTML,
    JSON,
    Distribution,
    html_list,
    html_page,
    json_list,
    json_page,
    normalized,
)
from tests.servers.answers import DEFAULT_CHUNK, Resource, strong_etag
from tests.servers.backend import BACKEND_SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.servers.fault_server import FaultServer

__all__ = ["HTML", "JSON", "Distribution", "Index", "PageForm", "file_path", "sdist", "wheel"]

EPOCH = (1980, 1, 1, 0, 0, 0)
OVERHEAD = 1000  # about what a wheel takes without its payload
LARGEST_DRAW = 64 * 1024 * 1024  # bytes


def wheel_name(name: str, version: str) -> str:
    """Return the file name of a wheel made here."""
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl"


def sdist_name(name: str, version: str) -> str:
    """Return the file name of an sdist made here."""
    return f"{name.replace('-', '_')}-{version}.tar.gz"


def wheel(
    name: str,
    version: str,
    *,
    size: int = 0,
    requires: Iterable[str] = (),
    seed: int = 0,
    modules: Mapping[str, str] | None = None,
) -> bytes:
    """Return a wheel that pip installs.

    Args:
        name: Of the project, and of its one package with "-" as "_".
        version: Of the project.
        size: About how many bytes the wheel has; they cannot be compressed.
        requires: Requirements, as in Requires-Dist.
        seed: Another one gives other bytes of the same number.
        modules: Further files, by path, with their text.
    """
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    payload = _payload(random.Random(f"{name} {version} {seed}"), max(0, size - OVERHEAD))
    files = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n".encode(),
        f"{module}/payload.bin": payload,
        **{path: text.encode() for path, text in (modules or {}).items()},
        f"{info}/METADATA": metadata(name, version, requires),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(_record_line(path, content) for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, EPOCH), content)
    return written.getvalue()


def _payload(chance: random.Random, size: int) -> bytes:
    """Draw bytes; `randbytes` cannot give more than 256 MiB at once."""
    whole, rest = divmod(size, LARGEST_DRAW)
    drawn = [chance.randbytes(LARGEST_DRAW) for _ in range(whole)]
    return b"".join([*drawn, chance.randbytes(rest)])


def metadata(name: str, version: str, requires: Iterable[str] = ()) -> bytes:
    """Return the METADATA of a wheel."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join([*lines, "", ""]).encode()


def backend_wheel(*, size: int = 0) -> bytes:
    """Return the wheel of `tinybackend` 1.0, a build backend for `sdist`."""
    return wheel("tinybackend", "1.0", size=size, modules={"tinybackend/build.py": BACKEND_SOURCE})


def sdist(
    name: str, version: str, *, build_requires: Iterable[str] = ("tinybackend",), size: int = 0
) -> bytes:
    """Return an sdist whose build needs `build_requires`, `tinybackend` among them.

    Args:
        name: Of the project.
        version: Of the project.
        build_requires: What pip downloads for the isolated build.
        size: About how many bytes the sdist has, at least.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    wanted = json.dumps(list(build_requires))
    project = f'[build-system]\nrequires = {wanted}\nbuild-backend = "tinybackend.build"\n'
    files = {
        f"{stem}/pyproject.toml": project.encode(),
        f"{stem}/PKG-INFO": metadata(name, version),
        f"{stem}/payload.bin": random.Random(stem).randbytes(size),
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # tarfile's own "w:gz" would write the time of day into the file.
    return gzip.compress(plain.getvalue(), mtime=0)


@dataclass(frozen=True)
class PageForm:
    """How an index sends its pages; the fields are those of `Resource`, or tell of one.

    Attributes:
        json: Whether there are JSON pages.
        max_age: How long a page may be kept, in seconds.
        serial: PyPI's number of the last change, in the header and in the pages;
            None: it is not said.
        ranges: Whether Range is understood.
        ballast: Bytes that cannot be compressed, before the links.
    """

    gzip: bool = False
    chunked: bool = False
    close_delimited: bool = False
    chunk: int = DEFAULT_CHUNK
    etag: bool = True
    json: bool = True
    max_age: int = 600
    serial: int | None = None
    ranges: bool = False
    ballast: int = 0


class Index:
    """An index on a `FaultServer`, laid out as PyPI is.

    Args:
        pages: The server of the project pages.
        files: The server of the files; None: the same.
        pages_url: What the clients call the first server, if it plays another.
        files_url: What the pages call the second server, if it plays another.
        digests: Whether the pages announce digests.
        algorithm: That of these digests, as hashlib knows it.
        core_metadata: Whether the metadata lies beside the wheels.
        form: How the pages are sent.
        prefix: What stands before all paths; mirrors have one ("/pypi").
    """

    def __init__(
        self,
        pages: FaultServer,
        files: FaultServer | None = None,
        *,
        pages_url: str | None = None,
        files_url: str | None = None,
        digests: bool = True,
        algorithm: str = "sha256",
        core_metadata: bool = True,
        form: PageForm | None = None,
        prefix: str = "",
    ) -> None:
        self._pages = pages
        self._files = files or pages
        self._prefix = prefix
        self.url = f"{pages_url or pages.url}{prefix}/simple/"
        self.files_url = files_url or self._files.url
        self._digests = digests
        self._algorithm = algorithm
        self._core_metadata = core_metadata
        self._form = form or PageForm()
        self._projects: dict[str, list[Distribution]] = {}

    @property
    def distributions(self) -> list[Distribution]:
        """All that it holds, in the order of its coming, project by project."""
        return [item for held in self._projects.values() for item in held]

    def add_all(self, distributions: Iterable[Distribution]) -> None:
        """Hold copies of what another index holds, as its mirror does."""
        for item in distributions:
            self.add(item.name, item.filename, item.content, item.metadata)

    def add_wheel(self, name: str, version: str, **options: Any) -> Distribution:
        """Make a wheel, see `wheel`, and hold it."""
        content = wheel(name, version, **options)
        beside = metadata(name, version, options.get("requires", ()))
        return self.add(name, wheel_name(name, version), content, beside)

    def add_sdist(self, name: str, version: str, **options: Any) -> Distribution:
        """Make an sdist, see `sdist`, and hold it."""
        return self.add(name, sdist_name(name, version), sdist(name, version, **options))

    def add_backend(self, *, size: int = 0) -> Distribution:
        """Hold the build backend that the sdists need."""
        content = backend_wheel(size=size)
        filename = wheel_name("tinybackend", "1.0")
        return self.add("tinybackend", filename, content, metadata("tinybackend", "1.0"))

    def add(
        self, name: str, filename: str, content: bytes, beside: bytes | None = None
    ) -> Distribution:
        """Hold a file; `beside` is the metadata to lay beside it."""
        path = self._prefix + file_path(filename, content)
        held = self._projects.setdefault(normalized(name), [])
        distribution = Distribution(
            name,
            filename,
            content,
            path,
            self.files_url + path,
            beside if self._core_metadata else None,
            f"2024-01-{len(held) % 28 + 1:02}T00:00:00.000000Z",
        )
        held.append(distribution)
        cached = {"Cache-Control": "max-age=365000000, immutable, public"}
        self._files.put(path, content, headers=cached)
        if distribution.metadata is not None:
            self._files.put(path + ".metadata", distribution.metadata, headers=cached)
        self._put_page(normalized(name))
        self._put(f"{self._prefix}/simple/", html_list(self._projects), json_list(self._projects))
        return distribution

    def page_path(self, name: str) -> str:
        """Return the path of a project page."""
        return f"{self._prefix}/simple/{normalized(name)}/"

    def _put_page(self, name: str) -> None:
        ballast = random.Random(name).randbytes(self._form.ballast)
        how = {
            "digests": self._digests,
            "algorithm": self._algorithm,
            "serial": self._form.serial,
            "filling": base64.urlsafe_b64encode(ballast).decode(),
        }
        what = (name, self._projects[name])
        self._put(self.page_path(name), html_page(*what, **how), json_page(*what, **how))

    def _put(self, path: str, as_html: bytes, as_json: bytes) -> None:
        variants = {"text/html": as_html, HTML: as_html}
        if self._form.json:
            variants[JSON] = as_json
        resources = (self._resource(kind, page) for kind, page in variants.items())
        self._pages.put_variants(path, *resources)

    def _resource(self, kind: str, page: bytes) -> Resource:
        form = self._form
        serial = () if form.serial is None else (("X-PyPI-Last-Serial", str(form.serial)),)
        return Resource(
            page,
            kind if "+" in kind else f"{kind}; charset=utf-8",
            etag=strong_etag(page) if form.etag else None,
            gzip=form.gzip,
            chunked=form.chunked,
            close_delimited=form.close_delimited,
            accept_ranges=form.ranges,
            headers=(
                ("Cache-Control", f"max-age={form.max_age}, public"),
                ("Vary", "Accept"),
                *serial,
            ),
            chunk=form.chunk,
        )


def file_path(filename: str, content: bytes) -> str:
    """Return where PyPI would keep a file: its path is a BLAKE2b-256 digest in three parts."""
    digest = hashlib.blake2b(content, digest_size=32).hexdigest()
    return f"/packages/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}"


def _record_line(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(content)}\n"
