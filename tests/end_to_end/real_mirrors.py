"""Which real servers can stand in for a PyPI that fails, and what can they do?

The programs that companies and universities run, each started here as it comes,
over plain http on the loopback. The rule: they hold the same files as the index
that they mirror, byte for byte, under their own layout, and tell in their own log
what they were asked. What they can do was measured, and `test_real_mirrors.py`
measures it again:

    server               pages       file's path                  range   validators
    devpi-server 6.20.3  JSON, HTML  +f/<3 hex>/<13 hex>/<file>   200     Last-Modified
    pypiserver 2.4.2     HTML        /packages/<file>             206     Last-Modified
    proxpi 1.3.1         JSON, HTML  /index/<project>/<file>      206     strong ETag
    nginx                JSON, HTML  /packages/aa/bb/<60>/<file>  206     strong ETag

A mirror whose answer to a range is 200 cannot give the rest of a file, only the
whole of it; pypiserver answers 206 even to an If-Range that names another file,
so whoever joins must look at the digest. devpi's hex digits are those of the
sha256; nginx's, PyPI's own, of the blake2b-256. Only proxpi and nginx serve
metadata beside the files (PEP 658); only nginx's pages have a serial. proxpi
sends the client to the origin (302) where its own download takes longer than
PROXPI_DOWNLOAD_TIMEOUT. pypiserver, with the server of its own, answers one
connection at a time, by HTTP/1.0. In the log of nginx alone there are ranges, and
in devpi's there is no status.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.end_to_end.devpi import devpi, devpi_fetching
from tests.end_to_end.own_server import own_folder, running
from tests.end_to_end.real_mirror import REQUEST, Asked, RealMirror, Traits
from tests.end_to_end.server_software import NotAvailable, nginx, python_of
from tests.faults import FaultServer
from tests.index_pages import html_page, json_page, normalized
from tests.packages import Index, file_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Callable

    from tests.index_pages import Distribution

__all__ = [
    "REAL_MIRRORS",
    "SERIAL",
    "Asked",
    "NotAvailable",
    "RealMirror",
    "devpi",
    "devpi_fetching",
    "nginx_tree",
    "proxpi",
    "pypiserver",
]

SERIAL = 4711
"""What the tree behind nginx says of its age."""

# A request and its status as http.server's and werkzeug's logs have it, the latter in colours.
_LINE = re.compile(rf'"(?:\x1b\[\d+m)*{REQUEST} HTTP/1\.\d(?:\x1b\[0m)?" (?P<status>\d+)')


@contextmanager
def pypiserver(distributions: Iterable[Distribution]) -> Iterator[RealMirror]:
    """Run pypiserver on a folder with these files."""
    python = str(python_of("pypiserver"))
    with own_folder() as folder:
        packages = folder / "packages"
        packages.mkdir()
        for item in distributions:
            (packages / item.filename).write_bytes(item.content)

        def argv_on(port: int) -> list[str]:
            on = ("--interface", "127.0.0.1", "--port", str(port), "--server", "wsgiref")
            open_to_all = ("--authenticate", ".", "--passwords", ".", "--disable-fallback")
            return [python, "-m", "pypiserver", "run", "-v", *on, *open_to_all, str(packages)]

        with running(folder, argv_on, ready="/simple/") as server:
            traits = Traits(
                json=False, ranges=True, etag=False, ignores_if_range=True, metadata=False
            )
            yield RealMirror("pypiserver", f"{server.url}/simple/", traits, server, _LINE)


@contextmanager
def proxpi(upstream: str, download_timeout: float = 60.0) -> Iterator[RealMirror]:
    """Run proxpi in front of an index.

    Args:
        upstream: The simple index that it fetches from.
        download_timeout: After so many seconds of its own download it sends the
            client to the upstream's file instead; proxpi's own default is 0.9.
    """
    python = str(python_of("proxpi"))
    with own_folder() as folder:
        kept = folder / "kept"
        kept.mkdir()
        settings = {
            "PROXPI_INDEX_URL": upstream,
            "PROXPI_CACHE_DIR": str(kept),
            "PROXPI_DOWNLOAD_TIMEOUT": str(download_timeout),
            "PROXPI_CONNECT_TIMEOUT": "5",
            "PROXPI_READ_TIMEOUT": "20",
        }

        def argv_on(port: int) -> list[str]:
            on = ("--host", "127.0.0.1", "--port", str(port))
            return [python, "-m", "flask", "--app", "proxpi.server", "run", *on]

        with running(folder, argv_on, ready="/health", env=settings) as server:
            traits = Traits(
                json=True, ranges=True, etag=True, ignores_if_range=False, metadata=True
            )
            yield RealMirror("proxpi", f"{server.url}/index/", traits, server, _LINE)


@contextmanager
def nginx_tree(distributions: Iterable[Distribution]) -> Iterator[RealMirror]:
    """Run nginx on a tree of files as bandersnatch writes it."""
    program = str(nginx())
    with own_folder() as folder:
        tree = folder / "tree"
        _write_tree(tree, list(distributions))
        config = folder / "nginx.conf"

        def argv_on(port: int) -> list[str]:
            config.write_text(_nginx_config(folder, tree, port), encoding="utf-8")
            return [program, "-p", str(folder), "-e", "stderr", "-c", str(config)]

        with running(folder, argv_on, ready="/ready") as server:
            traits = Traits(
                json=True, ranges=True, etag=True, ignores_if_range=False, metadata=True
            )
            line = re.compile(rf'^{REQUEST} (?P<status>\d+) "-?(?P<range>[^"]*)"$', re.MULTILINE)
            yield RealMirror("nginx", f"{server.url}/simple/", traits, server, line)


def _write_tree(tree: Path, distributions: list[Distribution]) -> None:
    """Lay out pages with relative links, files under their digest, and metadata beside them."""
    projects: dict[str, list[Distribution]] = {}
    for item in distributions:
        path = file_path(item.filename, item.content)
        file = tree / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(item.content)
        if item.metadata is not None:
            file.with_name(f"{file.name}.metadata").write_bytes(item.metadata)
        local = replace(item, url=f"../..{path}", path=path)
        projects.setdefault(normalized(item.name), []).append(local)
    for name, held in projects.items():
        folder = tree / "simple" / name
        folder.mkdir(parents=True)
        (folder / "index.html").write_bytes(html_page(name, held, serial=SERIAL))
        (folder / "index.v1_json").write_bytes(json_page(name, held, serial=SERIAL))


def _nginx_config(folder: Path, tree: Path, port: int) -> str:
    """Write a whole configuration: one process, everything in our folder, the log on stdout."""
    scratch = "\n".join(
        f"    {kind}_temp_path {folder}/tmp/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    log_format asked '$request_method $request_uri $status "$http_range"';
    access_log /dev/stdout asked;
{scratch}
    map $http_accept $page {{
        default index.html;
        "~application/vnd\\.pypi\\.simple\\.v1\\+json" index.v1_json;
    }}
    types {{ text/html html; application/vnd.pypi.simple.v1+json v1_json; }}
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root {tree};
        location = /ready {{ access_log off; return 200; }}
        location /simple/ {{ index $page; add_header Vary Accept; }}
        location /packages/ {{ add_header Cache-Control "max-age=365000000, immutable"; }}
    }}
}}
"""


@contextmanager
def _in_front(
    start: Callable[[str], AbstractContextManager[RealMirror]],
    distributions: Iterable[Distribution],
) -> Iterator[RealMirror]:
    """Run a server that fetches, in front of an upstream of its own that is healthy."""
    with FaultServer() as upstream:
        index = Index(upstream)
        index.add_all(distributions)
        with start(index.url) as mirror:
            yield mirror


REAL_MIRRORS: dict[str, Callable[[Iterable[Distribution]], AbstractContextManager[RealMirror]]] = {
    "devpi-uploaded": devpi,
    "devpi-fetching": lambda held: _in_front(devpi_fetching, held),
    "pypiserver": pypiserver,
    "proxpi": lambda held: _in_front(proxpi, held),
    "nginx": nginx_tree,
}
"""How each is started with these files in it."""
