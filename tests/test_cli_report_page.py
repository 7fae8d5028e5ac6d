"""Is the page one sound, small, closed file, whatever somebody else has written into the run?"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.accounts import Brought, Requested
from pip_resilient.cli import report_chart
from pip_resilient.cli.kept import Kept
from pip_resilient.cli.report_page import page
from pip_resilient.cli.report_style import STYLE
from pip_resilient.events import Widened
from tests.reported_runs import ABOUT, FILE, FILES, INDEX, MIRROR, RUN, many

_VOID = {"meta", "input", "br"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&\u202e\x1b[31m'


class Sound(HTMLParser):
    """Looks whether every element is closed in order, and collects what is said."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.values: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def read(text: str) -> Sound:
    sound = Sound(text)

    assert sound.open == []
    return sound


def test_the_page_is_well_formed_and_says_all() -> None:
    """A browser would guess, each another way."""
    said = " ".join(read(page(RUN)).said)

    for wanted in (
        *("pip install ended well after 20.0 s", "demo-1.0-py3-none-any.whl", "served by aliyun"),
        *("connection refused", INDEX, FILES, MIRROR, "25.0 MB", "patience=20.0"),
        "files.invalid: connection lost at 10.0/40.0 MB; resuming on a new connection",
    ):
        assert wanted in said


def test_the_page_needs_nobody_and_runs_nothing() -> None:
    """It is looked at without a network, and shown to others."""
    text = page(RUN)
    sound = read(text)

    assert not {"script", "link", "img", "iframe", "object", "base"} & set(sound.tags)
    assert not [value for value in sound.values if re.search(r"(?i)[a-z]+://|^//|data:", value)]
    assert not re.search(r"(?i)@import|url\((?!#)", text)
    assert "default-src 'none'" in text


def test_what_went_well_over_several_connections_is_told_too() -> None:
    """It is no trouble, and yet what somebody with a slow network looks for."""
    events = [
        Requested(1.0, FILES, FILE, "GET", 1.5, 12.0, 200, 40_000_000, False),
        *(Widened(2.0 + n, FILES, FILE, n + 2, 0, 40_000_000) for n in range(3)),
    ]
    text = page(Kept("wide", ABOUT, events))

    assert '<details class="quiet"><summary class="row">' in text
    assert "4 connections at 0.0/40.0 MB" in text


def test_the_page_is_ascii() -> None:
    """Whatever a server or a mail program takes it for, it is read the same."""
    assert page(RUN).isascii()


@given(st.text() | st.just(HOSTILE))
def test_what_others_wrote_is_text(written: str) -> None:
    """A file name is an attacker's to choose."""
    events = [
        event._replace(
            **{
                name: getattr(event, name) + written
                for name in ("place", "url", "source", "host", "operator")
                if hasattr(event, name)
            }
        )
        for event in RUN.events
    ]
    about = ABOUT._replace(command=written, pip=written, settings={written: written})
    for verdict in (written, None):
        hostile = RUN._replace(about=about._replace(verdict=verdict), events=events)
        text = page(hostile)
        sound = read(text)

        assert set(sound.tags) == set(read(page(RUN)).tags)
        assert text.isascii()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)


def test_a_path_with_a_password_is_not_shown() -> None:
    """Some indexes have a token in their URLs."""
    events = [
        event._replace(url=event.url.replace("invalid/", "invalid/s3cret/"))
        if hasattr(event, "url")
        else event
        for event in RUN.events
    ]

    assert "s3cret" not in page(RUN._replace(events=events))


@pytest.mark.parametrize("troubled", [True, False])
def test_a_thousand_requests_are_less_than_a_megabyte(troubled: bool) -> None:
    """It is attached to an issue."""
    name = "some_quite_long_name-{}.0.post1-cp311-cp311-manylinux_2_17_x86_64.whl"
    text = page(many(1000, name, troubled=troubled))

    read(text)
    assert text.count('class="row') == 1001
    assert len(text) < 1_000_000


def test_a_night_of_failures_is_still_a_page() -> None:
    """Of many marks on one row nobody would see more."""
    events = [*RUN.events, *[RUN.events[3]._replace(at=3 + n / 1000) for n in range(9000)]]
    text = page(RUN._replace(events=events))

    assert len(text) < 200_000
    assert "more</li>" in text


def test_a_run_of_which_nothing_is_known_is_a_page() -> None:
    """A log may have lost its end."""
    read(page(RUN._replace(events=[])))
    read(page(RUN._replace(about=ABOUT._replace(duration=0.0, started=0.0), events=[])))


@pytest.mark.parametrize(("count", "checked"), [(20, True), (100, False)])
def test_many_requests_are_shown_when_asked_for(count: int, checked: bool) -> None:
    """Those with trouble would be lost among them."""
    run = many(count, troubled=False)
    run = run._replace(events=[*run.events, *RUN.events])

    assert (" checked>" in page(run)) is checked


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    """WCAG 2.2: text 4.5 : 1, what is drawn 3 : 1."""
    before, _, after = STYLE.partition("@media (prefers-color-scheme: dark)")
    colours = dict(
        re.findall(r"--([\w-]+): #([0-9a-f]{6})", before if scheme == "light" else after)
    )
    for paper in ("paper", "card"):
        for ink in ("ink", "soft", "bad", "good"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    for state in ("bad", "good"):
        assert contrast(colours[state], colours[f"{state}-paper"]) >= 4.5
    for drawn in ("h0", "h1", "h2", "h3", "h4", "h5", "pause"):
        assert contrast(colours[drawn], colours["card"]) >= 3.0, drawn


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@given(
    st.lists(
        st.builds(
            Brought,
            st.floats(0, 500),
            st.sampled_from([INDEX, FILES]),
            st.floats(0.01, 300),
            st.integers(0, 10**12),
        )
    ),
    st.floats(0.001, 1000),
)
def test_no_byte_is_lost_in_the_drawing(brought: list[Brought], duration: float) -> None:
    """The area is what somebody compares."""
    rates = report_chart.columns(brought, duration)
    width = duration / report_chart.COLUMNS
    area = sum(sum(one) for one in rates.values()) * width

    assert area == pytest.approx(sum(one.length for one in brought))


@given(st.floats(0.001, 1e6))
def test_the_axis_has_a_few_round_moments(duration: float) -> None:
    """An axis with a hundred labels is none."""
    moments = report_chart.ticks(duration)

    assert 1 <= len(moments) <= 9
    assert moments[0] == 0
    assert moments[-1] <= duration
