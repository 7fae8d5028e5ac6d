"""What can a file do to us that we may have written ourselves?

The rule: a disk is damaged, another version writes otherwise, and a build
backend can write whatever it likes where we look. So what is read is exactly
what could have been written, or it is nothing: no error, no number that cannot
be drawn, and no letter that a terminal obeys.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import diagnosis, messages, ndjson
from pip_resilient.children import Channel
from pip_resilient.cli import kept, main, report, report_page, report_text, waterfall
from pip_resilient.cli.output import Output
from pip_resilient.policy import breaker
from pip_resilient.store import hosts as hosts_file
from pip_resilient.store import last_good, notes
from pip_resilient.store.folder import Folder
from pip_resilient.store.hosts import Hosts
from pip_resilient.store.last_good import LastGood
from pip_resilient.store.partials import SMALLEST, Partials
from pip_resilient.store.runs import Runs
from tests.hostile_input import LITERALS, damaged, damaged_json, grows_evenly
from tests.test_events import EVENTS
from tests.wall_clock import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = [json.loads(ndjson.to_json(event, "run")) for event in EVENTS]
lines = damaged_json(*RECORDS).map(lambda line: line.decode("utf-8", "surrogateescape"))
runs = st.lists(lines, max_size=12)


@given(lines)
def test_an_event_is_read_or_is_none(line: str) -> None:
    """And what is read can be written, told and read again."""
    event = ndjson.from_json(line)
    if event is None:
        return
    told = messages.message(event)

    assert ndjson.from_json(ndjson.to_json(event)) is not None
    assert told is None or messages.plain(told).isprintable()


_SMALL = [literal for literal in LITERALS if literal[:2] in ("0.", "1E")]


@pytest.mark.parametrize("literal", LITERALS, ids=lambda literal: literal[:8])
@pytest.mark.parametrize("field", ["at", "length"])
def test_a_number_that_cannot_be_makes_no_event(field: str, literal: str) -> None:
    line = json.dumps({**RECORDS[2], field: "<literal>"}).replace('"<literal>"', literal)
    event = ndjson.from_json(line)

    assert event is None or (field == "at" and literal in _SMALL)


def test_a_megabyte_of_digits_takes_no_longer_than_it_is_long() -> None:
    """Python up to 3.10.6 reads a number in the square of its digits."""
    grows_evenly(ndjson.from_json, lambda size: '{"at":' + "9" * size + "}", 100_000)


@given(runs, st.booleans())
def test_a_run_is_summed_up_whatever_children_say(told: list[str], failed: bool) -> None:
    """The last line is why anybody looks; no child may take it away."""
    events = [event for event in map(ndjson.from_json, told) if event is not None]
    for line in (messages.summary(events), diagnosis.last_line(events, failed, lambda scheme: {})):
        assert line is None or messages.plain(line).isprintable()


@given(runs)
def test_a_report_is_made_of_any_lines(told: list[str]) -> None:
    for one in kept.read(told, "name"):
        text, errors = io.StringIO(), io.StringIO()
        output = Output(text, errors, {})
        report_text.show(one, output, time.time(), every=True)
        output.table([report_text.LIST_HEAD, report_text.listed(1, "name", one)])
        output.json(report.document(one))

        assert "\x1b" not in text.getvalue()
        assert report_page.page(one).isascii()
        assert all(row.begin <= row.end for row in waterfall.rows(one.about, one.events))


def test_a_run_has_any_name() -> None:
    """Python reads no number of more than 4300 digits."""
    line = json.dumps({**RECORDS[2], "run": "<literal>"})

    assert len(kept.read([line.replace('"<literal>"', "9" * 5000)])) == 1


@given(damaged("\n".join(json.dumps(record) for record in RECORDS).encode()))
def test_a_log_of_events_is_shown(log: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.ndjson")
        path.write_bytes(log)

        assert main.main(["report", str(path), "--json", "--state-dir", folder]) in (0, 1)


# What children say.


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """One on a system without files in memory."""
    monkeypatch.delattr(os, "memfd_create", raising=False)
    channel = Channel({})
    channel.open()
    yield channel
    if os.path.lexists(channel._path):
        os.rmdir(channel._path) if os.path.isdir(channel._path) else os.unlink(channel._path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_a_pipe_of_a_child_is_not_waited_for(parent: Channel) -> None:
    """A build backend may do it, and pip would never end."""
    os.mkfifo(parent._path)
    began = time.monotonic()

    assert parent.received() == []
    assert time.monotonic() - began < 2.0


def test_a_folder_in_its_place_is_nothing(parent: Channel) -> None:
    os.mkdir(parent._path)

    assert parent.received() == []


def test_what_cannot_be_read_does_not_stay(parent: Channel) -> None:
    """Nobody else would remove it."""
    Path(parent._path).write_bytes(b"\xff\xfe\0 not ASCII")

    assert parent.received() == []
    assert not os.path.lexists(parent._path)


def test_one_child_that_writes_without_end_fills_no_memory(parent: Channel) -> None:
    line = ndjson.to_json(EVENTS[2]) + "\n"
    with open(parent._path, "wb") as file:
        file.write((line * (1 + (2 << 20) // len(line))).encode())
        file.truncate(10 << 30)

    assert 0 < len(parent.received()) < (1 << 20) // len(line) + 1


# What is kept between runs.

PLACE = "https://index.example:443"
HEALTH = {
    "schema": hosts_file.SCHEMA,
    "place": PLACE,
    **breaker.Health(3, NOW - 5, NOW - 4, 30.0, None, NOW - 9)._asdict(),
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    opened = Folder.open(str(tmp_path_factory.mktemp("hostile") / "kept"))
    assert opened is not None
    return opened


@given(damaged_json(HEALTH))
def test_a_host_is_known_or_unknown(room: Folder, data: bytes) -> None:
    room.write(hosts_file._file_of(PLACE), data)
    known = Hosts(room, lambda: NOW)
    breaker.stands(known.health_of(PLACE), NOW)
    known.failed(PLACE, EVENTS[3].failure)  # type: ignore[union-attr]
    known.known()

    assert known.health_of(PLACE).failures >= 1


ABOUT_A_PAGE = [last_good.SCHEMA, "0" * 32, 5, "text/html", 7, 8]


@given(damaged_json(ABOUT_A_PAGE), st.booleans())
def test_a_page_is_as_it_was_kept_or_is_none(room: Folder, said: bytes, right: bool) -> None:
    """Its seal tells damage, and not what another version has put into the line."""
    content = b"<html"
    name = last_good._file_of("https://index.example/simple/", "demo")
    said = said.replace(b"0" * 32, last_good._digest(content).encode()).replace(b"\n", b" ")
    seal = last_good._seal(name, said) if right else b"0" * 32
    room.write(name, seal + b" " + said + b"\n" + content, NOW)
    pages = LastGood(room, lambda: NOW)
    found = pages.get("https://index.example/simple/", "demo")
    mark = pages.mark("https://index.example/simple/", "demo")

    assert mark is None or 0 <= mark <= 2**53
    if found is not None:
        assert right
        assert found.content == content
        assert isinstance(found.content_type, str)
        assert found.serial is None or 0 <= found.serial <= 2**53
    pages.keep("https://index.example/simple/", "demo", content, "text/html", 9)
    assert pages.get("https://index.example/simple/", "demo") is not None


VALUE = hashlib.sha256(b"x" * SMALLEST).hexdigest()
NOTE = f"\n1 {SMALLEST} 0 65536 {hashlib.sha256(b'x' * 65536).hexdigest()}\n".encode()


@given(damaged(NOTE * 3), st.integers(0, 2 * SMALLEST))
def test_notes_of_any_kind_prove_what_is_there(room: Folder, noted: bytes, length: int) -> None:
    """A size of 19 digits, a stretch that ends before it begins, a note on another file."""
    for name, data in ((f"sha256-{VALUE}", b"x" * length), (f"sha256-{VALUE}.notes", noted)):
        room.write(name, data, NOW)
    partials = Partials(room, lambda: NOW)
    partial = partials.open("sha256", VALUE, SMALLEST)

    assert partial is not None
    for first, end in partial.stretches():
        assert 0 <= first < end <= min(length, SMALLEST)
    partial.close()
    left = partials.left_of("sha256", VALUE)
    assert left is None or left.size >= SMALLEST
    assert all(one.kept <= length for one in partials.held())


def test_a_thousand_notes_of_the_whole_file_are_hashed_a_few_times_alone(room: Folder) -> None:
    """Each with another digest: a reader that believed in them would read for hours."""
    name = f"sha256-{VALUE}"
    lines = [f"1 {SMALLEST} {n} {SMALLEST - n % 7} {n:064x}\n" for n in range(10_000)]
    room.write(name, b"x" * SMALLEST, NOW)
    room.write(f"{name}.notes", "".join(lines).encode(), NOW)
    began = time.process_time()
    partial = Partials(room, lambda: NOW).open("sha256", VALUE, SMALLEST)

    assert partial is not None
    assert partial.stretches() == []
    assert time.process_time() - began < 5.0


@given(st.binary(max_size=200) | damaged(json.dumps(RECORDS[0]).encode()))
def test_a_kept_run_is_read_or_is_none(room: Folder, data: bytes) -> None:
    room.write("run.ndjson", data, NOW)
    lines = Runs(room, lambda: NOW).read("run")

    assert lines is not None
    kept.read(lines, "run")


@given(st.binary(max_size=300))
def test_any_notes_are_read(room: Folder, data: bytes) -> None:
    room.write("any.notes", data)
    fd = room.open_file("any.notes", make=False)

    assert fd is not None
    try:
        assert all(note.first < note.end <= note.size for note in notes.read(fd))
    finally:
        os.close(fd)
