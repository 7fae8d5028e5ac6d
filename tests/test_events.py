"""Is the user told what costs time, once, truly and without secrets?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient import events
from pip_resilient.accounts import AboutRun, Brought, Requested
from pip_resilient.events import (
    Answered,
    AskedElsewhere,
    Behind,
    GaveUp,
    Healed,
    LostOne,
    Overtaken,
    PageElsewhere,
    ProxyRespelled,
    Quarantined,
    Resumed,
    Retried,
    RightBytesAgain,
    SecondConnection,
    ServedElsewhere,
    SourceFailed,
    TakenUp,
    Widened,
)
from pip_resilient.journal import Journal
from pip_resilient.messages import message, plain, progress, size, summary
from pip_resilient.ndjson import SCHEMA, from_json, to_json
from pip_resilient.policy.failure import Failure, Kind

if TYPE_CHECKING:
    from pip_resilient.events import Event

PLACE, URL = "files.invalid", "https://files.invalid/demo.whl"
LOST = Failure(Kind.RESET)


def retried(wait: float = 1.0, url: str = URL, **more: int) -> Retried:
    return Retried(1.0, PLACE, url, LOST, 1, wait, 149.0, **more)


def resumed(url: str = URL) -> Resumed:
    return Resumed(1.0, PLACE, url, LOST, 612_000_000, 797_300_000, False, 0.4)


ABOUT = AboutRun(
    *(0.0, 1785507302.5, 12.5, True, "install", "0.1", "26.3", "3.11.7"),
    *({"patience": "20.0"}, 7, 9, "this was a network failure"),
)
EVENTS: list[Event] = [
    ABOUT,
    Requested(1.0, PLACE, URL, "GET", 1.25, None, 200, 40_100_000, False),
    Brought(1.0, PLACE, 0.25, 1_300_000),
    retried(),
    resumed(),
    SecondConnection(1.0, PLACE, URL, 4.0, 12_300_000, 40_100_000),
    Overtaken(1.0, PLACE, URL, 5),
    Widened(1.0, PLACE, URL, 2, 12_300_000, 40_100_000),
    LostOne(1.0, PLACE, URL, LOST, 12_300_000, 40_100_000),
    TakenUp(1.0, PLACE, URL, 12_300_000, 40_100_000),
    RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", False),
    ProxyRespelled(1.0, PLACE, "proxy.invalid:3128"),
    Answered(1.0, PLACE, URL, 403),
    GaveUp(1.0, PLACE, URL, LOST, 3, 150.0, "patience"),
    Healed(1.0, PLACE, URL, 2, 1000),
    AskedElsewhere(1.0, PLACE, URL, "aliyun", "Alibaba Cloud", False, "file", LOST, 0, None, "x"),
    AskedElsewhere(1.0, PLACE, URL, "aliyun", "Alibaba Cloud", True, "page", None),
    ServedElsewhere(1.0, PLACE, URL, "aliyun", "file", 1000),
    PageElsewhere(1.0, PLACE, URL, "", age=600.0, stale=True),
    Behind(1.0, "mirror.invalid", URL, 100, 250),
    SourceFailed(1.0, "mirror.invalid", URL, "aliyun", LOST),
    Quarantined(1.0, "mirror.invalid", URL, "aliyun", "sha256", "aa", "bb", "the index page"),
]
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)


class Told:
    """A journal with a clock that is set, and what it said."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.log: list[str] = []
        self.journal = Journal(lambda: self.now, self.lines.append, self.log.append)

    def add(self, *happened: Event) -> int:
        """Add events and return how many lines have been said in all."""
        for event in happened:
            self.journal.add(event)
        return len(self.lines)


@pytest.fixture
def told() -> Told:
    return Told()


def test_every_kind_of_event_is_tried_here() -> None:
    """A new kind without a test would have no name in the log."""
    assert {type(event) for event in EVENTS} == set(events.KINDS.values())


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (612e6, "612.0 MB"), (1.2e9, "1.2 GB")],
)
def test_sizes_are_written_as_pip_writes_them(count: float, shown: str) -> None:
    """Two ways to count would look like two files."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("offset", "total", "shown"),
    [
        (612_000_000, 797_300_000, "612.0/797.3 MB"),
        (5, 10, "5/10 bytes"),
        (500, 2_000_000_000, "0.0/2.0 GB"),
        (612_000_000, None, "612.0 MB"),
    ],
)
def test_progress_has_one_unit(offset: int, total: int | None, shown: str) -> None:
    """`900 kB/1.2 GB` must be read twice."""
    assert progress(offset, total) == shown


def test_a_lost_connection_is_told_with_numbers() -> None:
    """The line that the design promises."""
    assert message(resumed()) == (
        "files.invalid: connection lost at 612.0/797.3 MB; resuming on a new connection"
        " (waited 0.4 s)"
    )


def test_a_download_that_goes_on_is_told() -> None:
    """A bar that begins at a third looks like a fault."""
    assert message(TakenUp(1.0, PLACE, URL, 12_300_000, 40_100_000)) == (
        "files.invalid: going on at 12.3/40.1 MB, where an earlier run was interrupted"
    )


def test_bytes_of_an_earlier_run_are_told_at_the_end() -> None:
    """Nothing was healed, and yet something was saved."""
    assert summary([Healed(1.0, PLACE, URL, 0, 12_300_000)]) == "12.3 MB not downloaded again"


def test_a_wait_is_told_with_its_reason_and_its_end() -> None:
    """A pip that stands still looks dead."""
    assert message(retried(2.5, asked_by_server=True)) == (
        "files.invalid: connection lost; trying again in 2.5 s, as the server asked"
        " on a new connection (attempt 2, patience left 149 s)"
    )


@each_event
def test_a_line_is_one_line_of_ascii(event: Event) -> None:
    """A terminal in another encoding would raise in the midst of a download."""
    line = message(event) or ""

    assert line.isascii()
    assert line.isprintable()


@given(st.text())
def test_what_a_server_says_cannot_reach_the_terminal_raw(detail: str) -> None:
    """A portal's title may carry escape sequences, or the letters of any language."""
    failure = Failure(Kind.INTERCEPTED, detail)

    assert failure.said.isascii()
    assert failure.said.isprintable()


@each_event
def test_an_event_is_one_line_of_json(event: Event) -> None:
    """The log is read line by line, by programs."""
    line = to_json(event)
    record = json.loads(line)

    assert "\n" not in line
    assert line.isascii()
    assert record["schema"] == SCHEMA
    assert events.KINDS[record["event"]] is type(event)
    assert record.get("place", PLACE) in (PLACE, "mirror.invalid")


def test_a_failure_in_the_log_names_its_kind() -> None:
    """Its number or its sentence may change, its name stays."""
    record = json.loads(to_json(retried()))

    assert record["failure"] == {
        "kind": "reset",
        "detail": "",
        "status": None,
        "retry_after": None,
        "proxy": None,
    }


def test_seconds_in_the_log_are_rounded() -> None:
    """0.30000000000000004 is noise."""
    assert json.loads(to_json(retried(0.1 + 0.2)))["wait"] == 0.3


@each_event
def test_every_event_is_kept_and_logged(told: Told, event: Event) -> None:
    """The summary and the diagnosis see nothing else."""
    told.add(event)

    assert told.journal.events == [event]
    assert told.log == [to_json(event)]


def test_a_healthy_run_says_nothing(told: Told) -> None:
    """Silent when healthy."""
    assert told.add(Answered(1.0, PLACE, URL, 404), Healed(1.0, PLACE, URL, 1, 0)) == 0


def test_of_many_interruptions_of_one_url_three_are_told(told: Told) -> None:
    """A link that drops each second would fill the screen."""
    assert told.add(*[resumed()] * 20) == 3
    assert len(told.journal.events) == 20


def test_after_ten_seconds_one_more_is_told(told: Told) -> None:
    """A long outage must not look like a standstill."""
    told.add(*[resumed()] * 20)
    told.now = 10.0

    assert told.add(*[resumed()] * 20) == 4


def test_another_url_is_told_for_itself(told: Told) -> None:
    """One bad file must not hide the next."""
    told.add(*[resumed()] * 20)

    assert told.add(resumed(URL + ".metadata")) == 4


def test_a_long_wait_is_always_told(told: Told) -> None:
    """A wait is never silent."""
    told.add(*[resumed()] * 20)

    assert told.add(retried(5.0), retried(14.0)) == 5


def test_a_short_wait_in_a_body_is_told_only_by_what_follows(told: Told) -> None:
    """Two lines for one interruption are one too many."""
    assert told.add(retried(0.05, offset=1000)) == 0
    assert told.add(resumed()) == 1


def test_wrong_bytes_are_always_told(told: Told) -> None:
    """They may be an attack."""
    told.add(*[resumed()] * 20)

    wrong = RightBytesAgain(1.0, PLACE, URL, "sha256", "aa", "bb", "the index page", False)
    assert told.add(wrong) == 4


def test_an_old_page_is_always_told(told: Told) -> None:
    """It comes after all the interruptions of its URL, and is what explains the outcome."""
    count = told.add(*[retried()] * 5)

    assert told.add(PageElsewhere(10.0, PLACE, URL, "", age=7200.0, stale=True)) == count + 1
    assert "120 min ago" in told.lines[-1]


def test_nothing_healed_is_no_summary() -> None:
    """Silent when healthy."""
    assert summary([resumed(), retried()]) is None


def test_the_summary_counts_all_that_was_healed() -> None:
    """It is what the plugin was worth in this run."""
    healed: list[Event] = [
        Healed(1.0, PLACE, URL, 1, 0),
        Healed(2.0, PLACE, URL, 2, 1_200_000_000),
    ]

    assert summary(healed[:1]) == "healed 1 interruption"
    assert summary(healed) == "healed 3 interruptions; 1.2 GB not downloaded again"


def asked(source: str = "aliyun", named: bool = True, **more: object) -> AskedElsewhere:
    fields: dict[str, object] = {"what": "file", "failure": LOST, "named_by": "PyPI's file path"}
    event = AskedElsewhere(1.0, PLACE, URL, source, "Alibaba Cloud", named, "file", LOST)
    return event._replace(**{**fields, **more})


def test_a_mirror_that_nobody_named_is_told_with_its_operator_and_the_way_out() -> None:
    """Who it is, why, what vouches for the bytes, and how to have none of it."""
    assert message(asked(named=False)) == (
        "files.invalid: connection lost; asking mirror aliyun (run by Alibaba Cloud;"
        " PIP_RESILIENT_MIRRORS=none switches such mirrors off) for the file"
        " (bytes verified against PyPI's file path)"
    )


def test_a_mirror_that_the_user_named_is_told_by_that_name() -> None:
    """The user knows who it is."""
    line = message(asked(offset=12_300_000, total=40_100_000))

    assert line == (
        "files.invalid: connection lost at 12.3/40.1 MB; asking mirror aliyun for the rest"
        " (bytes verified against PyPI's file path)"
    )


def test_a_page_is_told_as_a_page() -> None:
    """No digest vouches for it, and none is named."""
    assert message(asked(what="page", named_by=None)) == (
        "files.invalid: connection lost; asking mirror aliyun for the page"
    )


def test_a_host_known_to_be_out_of_order_is_not_said_to_have_failed_now() -> None:
    """It was not asked."""
    line = str(message(asked(failure=None)))

    assert line.startswith("files.invalid: out of order a moment ago; asking mirror aliyun")


@pytest.mark.parametrize(
    "event",
    [
        asked("PyPI"),
        asked("PyPI", what="page", named_by=None),
        SourceFailed(1.0, PLACE, URL, "PyPI", LOST),
        Quarantined(1.0, PLACE, URL, "PyPI", "sha256", "aa", "bb", "the index page"),
    ],
    ids=["file", "page", "failed", "wrong"],
)
def test_pypi_is_not_called_a_mirror(event: Event) -> None:
    """Behind a mirror that is the user's own index it is the origin of all."""
    assert "PyPI" in str(message(event))
    assert "mirror" not in str(message(event))


def test_a_mirror_that_has_it_not_either_is_told_with_its_reason() -> None:
    """Or the user would wait for it."""
    event = SourceFailed(1.0, "mirror.invalid", URL, "aliyun", Failure(Kind.STATUS, status=404))

    assert message(event) == "mirror aliyun has not got it: HTTP status 404"


def test_a_mirror_that_serves_something_wrong_is_told_with_both_digests() -> None:
    """It is what its operator must hear of."""
    assert message(EVENTS[-1]) == (
        f"mirror aliyun serves something wrong for {URL}: its sha256 is bb, not aa,"
        " which the index page names; not asked again"
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            PageElsewhere(1.0, PLACE, URL, "", age=600.0, stale=True),
            (
                "files.invalid does not answer: using its page of 10 min ago,"
                f" what came since is missing ({URL})"
            ),
        ),
        (
            PageElsewhere(1.0, PLACE, URL, "tuna", withheld=1),
            f"page from tuna, 1 file not shown, since the index has removed it ({URL})",
        ),
        (
            PageElsewhere(1.0, PLACE, URL, "tuna", withheld=3),
            f"page from tuna, 3 files not shown, since the index has removed them ({URL})",
        ),
        (PageElsewhere(1.0, PLACE, URL, "tuna"), None),
    ],
)
def test_a_page_of_others_is_told_where_it_may_lack_something(
    event: PageElsewhere, line: str | None
) -> None:
    """pip may choose another version by it."""
    assert message(event) == line


def test_a_page_that_may_be_behind_is_told_so() -> None:
    """Both what is known and what is not."""
    line = str(message(PageElsewhere(1.0, PLACE, URL, "tuna", stale=True, withheld=2)))

    assert line.startswith("page from tuna, which may be behind")
    assert "2 files not shown" in line


@given(st.text(), st.text())
def test_the_names_of_mirrors_reach_the_terminal_as_ascii(source: str, operator: str) -> None:
    """A host's name may be in any script."""
    line = plain(str(message(asked(source, operator=operator, named=False))))

    assert line.isascii()
    assert line.isprintable()


def test_one_mirror_asked_for_many_files_is_told_a_few_times(told: Told) -> None:
    """A hundred packages are one piece of news."""
    many = [asked(url=f"{URL}{number}") for number in range(20)]

    assert told.add(*many) == 3


def test_wrong_bytes_of_a_mirror_are_always_told(told: Told) -> None:
    """They may be an attack."""
    told.add(*[SourceFailed(1.0, PLACE, URL, "aliyun", LOST)] * 20)
    before = len(told.lines)

    assert told.add(*[EVENTS[-1]] * 4) == before + 4


@each_event
def test_an_event_can_be_read_again(event: Event) -> None:
    """The parent reads what its children wrote, and `report` the last run."""
    assert from_json(to_json(event)) == event


def test_a_line_names_the_run_it_is_of() -> None:
    """Several runs append to one log."""
    assert json.loads(to_json(resumed(), "1785507302-ab12cd"))["run"] == "1785507302-ab12cd"


def test_what_a_later_version_added_is_passed_over() -> None:
    """A report of one version must read the runs of the next."""
    record = {**json.loads(to_json(retried())), "weather": "fine"}
    record["failure"]["mood"] = "bad"

    assert from_json(json.dumps(record)) == retried()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema", 2),
        ("at", "soon"),
        ("at", None),
        ("at", 1e999),
        ("url", 5),
        ("wait", [1.0]),
        ("failure", None),
        ("failure", {"kind": "reset", "detail": 5}),
        ("failure", {"kind": "mood"}),
    ],
)
def test_a_damaged_line_is_none(name: str, value: object) -> None:
    """Whoever draws the run would fail in the midst of it."""
    record = {**json.loads(to_json(retried())), name: value}

    assert from_json(json.dumps(record)) is None


@pytest.mark.parametrize(
    ("count", "told"), [(1, "healed 1 mirror switch"), (2, "healed 2 mirror switches")]
)
def test_the_summary_counts_who_was_asked_instead(count: int, told: str) -> None:
    """A page and a file alike."""
    switches: list[Event] = [
        ServedElsewhere(1.0, PLACE, URL, "aliyun", "file", 1000),
        PageElsewhere(1.0, PLACE, URL, "tuna"),
    ]

    assert summary(switches[:count]) == told


def test_the_summary_does_not_call_the_index_s_own_page_a_mirror() -> None:
    """Nobody else was asked."""
    own = PageElsewhere(1.0, PLACE, URL, "", age=600.0, stale=True)

    assert summary([own]) is None
    assert summary([own, Healed(1.0, PLACE, URL, 1, 0)]) == "healed 1 interruption"


def test_an_operator_nobody_named_is_named_once() -> None:
    """Two files of a package are no two pieces of news."""
    said: list[str] = []
    journal = Journal(lambda: 0.0, said.append)
    for what in ("metadata", "file"):
        journal.add(AskedElsewhere(1.0, PLACE, URL, "aliyun", "Alibaba Cloud", False, what, LOST))

    assert ["Alibaba Cloud" in line for line in said] == [True, False]
    assert [line.rpartition(" the ")[2] for line in said] == ["metadata", "file"]
