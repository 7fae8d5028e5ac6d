"""Are the made distributions and the index what pip expects of real ones?

The rule: files are valid and always the same; pages say of each file what is true.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.faults import FaultServer
from tests.packages import JSON, Index, PageForm, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def fetched(url: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the response of the standard library's client, and its body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    with contextlib.closing(connection):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", parts.path, headers=fields)
        with connection.getresponse() as response:
            return response, response.read()


def json_page(index: Index, name: str) -> dict[str, list[dict[str, object]]]:
    page = json.loads(fetched(f"{index.url}{name}/", Accept=JSON)[1])
    assert isinstance(page, dict)
    return page


def test_a_wheel_has_about_the_size_asked_for() -> None:
    assert len(wheel("demo", "1.0", size=300_000)) == pytest.approx(300_000, abs=500)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert wheel("demo", "1.0", size=5000) == wheel("demo", "1.0", size=5000)
    assert wheel("demo", "1.0", size=5000, seed=2) != wheel("demo", "1.0", size=5000)
    assert sdist("demo", "1.0", size=5000) == sdist("demo", "1.0", size=5000)


def test_the_record_of_a_wheel_is_right() -> None:
    with zipfile.ZipFile(io.BytesIO(wheel("demo", "1.0", size=5000))) as archive:
        record = archive.read("demo-1.0.dist-info/RECORD").decode().splitlines()
        for line in record[:-1]:
            path, digest, size = line.split(",")
            content = archive.read(path)
            right = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")

            assert (digest, int(size)) == (f"sha256={right.decode()}", len(content))
        assert len(record) == len(archive.namelist())


def test_an_sdist_says_what_its_build_needs() -> None:
    content = sdist("demo", "1.0", build_requires=("tinybackend", "more"))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        project = archive.extractfile("demo-1.0/pyproject.toml")
        assert project is not None
        assert b'requires = ["tinybackend", "more"]' in project.read()


def test_a_file_lies_under_its_blake2b_digest(server: FaultServer) -> None:
    held = Index(server).add_wheel("demo", "1.0")
    match = re.fullmatch(r"/packages/(..)/(..)/([0-9a-f]{60})/(.+)", held.path)
    digest = hashlib.blake2b(held.content, digest_size=32).hexdigest()

    assert match is not None
    assert "".join(match.groups()[:3]) == digest
    assert match[4] == "demo-1.0-py3-none-any.whl"
    assert fetched(held.url)[1] == held.content


def test_html_is_for_those_who_do_not_ask_for_json(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0")
    response, page = fetched(f"{index.url}demo/", Accept="text/html")

    assert "text/html" in (response.getheader("Content-Type") or "")
    assert f'href="{held.url}#sha256={held.sha256}"'.encode() in page
    assert b"data-core-metadata" in page


def test_json_says_digest_size_metadata_and_upload_time(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", requires=("other>=2",))
    (file,) = json_page(index, "demo")["files"]
    _, beside = fetched(held.url + ".metadata")

    assert file["url"] == held.url
    assert file["hashes"] == {"sha256": hashlib.sha256(held.content).hexdigest()}
    assert file["size"] == len(held.content)
    assert file["core-metadata"] == {"sha256": hashlib.sha256(beside).hexdigest()}
    assert str(file["upload-time"]).startswith("2024-")
    assert b"Requires-Dist: other>=2" in beside


def test_pips_order_of_preference_is_obeyed(server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("demo", "1.0")
    old = "application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"
    kinds = [
        fetched(f"{index.url}demo/", Accept=accept)[0].getheader("Content-Type")
        for accept in (f"{JSON}, {old}", old, "*/*")
    ]

    assert kinds == [JSON, "application/vnd.pypi.simple.v1+html", "text/html; charset=utf-8"]


def test_digests_and_metadata_can_be_left_out(server: FaultServer) -> None:
    index = Index(server, digests=False, core_metadata=False)
    held = index.add_wheel("demo", "1.0")
    (file,) = json_page(index, "demo")["files"]

    assert (file["hashes"], file["core-metadata"]) == ({}, False)
    assert b"sha256" not in fetched(f"{index.url}demo/")[1]
    assert fetched(held.url + ".metadata")[0].status == 404


def test_pages_can_be_compressed_and_chunked(server: FaultServer) -> None:
    index = Index(server, form=PageForm(gzip=True, chunked=True))
    index.add_wheel("demo", "1.0")
    response, page = fetched(f"{index.url}demo/", Accept_Encoding="gzip")

    assert response.getheader("Transfer-Encoding") == "chunked"
    assert b"demo-1.0" in gzip.decompress(page)


def test_pages_and_files_can_be_on_two_servers(server: FaultServer) -> None:
    with FaultServer() as files:
        index = Index(server, files)
        held = index.add_wheel("demo", "1.0")
        fetched(f"{index.url}demo/")
        fetched(held.url)

        assert [seen.path for seen in server.log] == ["/simple/demo/"]
        assert [seen.path for seen in files.log] == [held.path]


def test_an_index_can_be_played_under_other_names(server: FaultServer) -> None:
    index = Index(
        server, pages_url="https://index.example", files_url="https://files.index.example"
    )
    held = index.add_wheel("demo", "1.0")
    (file,) = json_page(Index(server), "demo")["files"]

    assert index.url == "https://index.example/simple/"
    assert file["url"] == held.url == "https://files.index.example" + held.path


def test_a_name_is_normalized_in_its_pages_path(server: FaultServer) -> None:
    index = Index(server)
    index.add_wheel("Demo_Project", "1.0")

    assert index.page_path("Demo.Project") == "/simple/demo-project/"
    assert fetched(f"{index.url}demo-project/")[0].status == 200


def test_the_list_of_projects_is_there_in_both_forms(server: FaultServer) -> None:
    """Caching proxies read it before they ask for a project."""
    index = Index(server)
    index.add_wheel("demo", "1.0")
    index.add_wheel("Demo.Two", "1.0")

    assert [p["name"] for p in json.loads(fetched(index.url, Accept=JSON)[1])["projects"]] == [
        "demo",
        "demo-two",
    ]
    assert b'<a href="demo-two/">demo-two</a>' in fetched(index.url)[1]


def test_a_serial_stands_where_pypi_and_its_mirrors_write_it(server: FaultServer) -> None:
    index = Index(server, form=PageForm(serial=42))
    index.add_wheel("demo", "1.0")
    response, page = fetched(index.url + "demo/")

    assert response.getheader("X-PyPI-Last-Serial") == "42"
    assert page.endswith(b"<!--SERIAL 42-->\n")
    assert json.loads(fetched(index.url + "demo/", Accept=JSON)[1])["meta"]["_last-serial"] == 42


def test_a_mirror_holds_the_same_under_its_prefix(server: FaultServer) -> None:
    index = Index(server)
    held = index.add_wheel("demo", "1.0", requires=["other"])
    with FaultServer() as second:
        mirror = Index(second, prefix="/pypi")
        mirror.add_all(index.distributions)
        (entry,) = json_page(mirror, "demo")["files"]

        assert mirror.url == f"{second.url}/pypi/simple/"
        assert mirror.page_path("demo") == "/pypi/simple/demo/"
        assert entry["url"] == f"{second.url}/pypi{held.path}"
        assert fetched(str(entry["url"]))[1] == held.content
        assert fetched(f"{entry['url']}.metadata")[1] == held.metadata
