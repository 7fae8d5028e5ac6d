"""Are times read from headers as their RFCs mean them?"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.policy.dates import retry_after, seconds_of_date

DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Sun, 06 Nov 1994 08:50:37 GMT"


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> object:
    """Let this machine stand in another time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system has no tzset")
    monkeypatch.setenv("TZ", "XYZ-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("value", "seconds"), [("0", 0.0), ("120", 120.0), (" 7 ", 7.0)])
def test_seconds_are_taken_as_they_are(value: str, seconds: float) -> None:
    """A server that asks for patience would be asked again at once, and ban us."""
    assert retry_after(value, None) == seconds


def test_a_date_is_measured_against_the_answers_own() -> None:
    """A wrong clock on either side would make it an hour or nothing."""
    assert retry_after(LATER, DATE) == 60.0


def test_a_date_in_the_past_means_now() -> None:
    """A negative wait would break the sleep."""
    assert retry_after(DATE, LATER) == 0.0


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_date_without_an_own_date_says_nothing(date: str | None) -> None:
    """This machine's clock may be years off."""
    assert retry_after(LATER, date) is None


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "1e9", "٣", "0x10", "1 2", "NaN"])
def test_junk_says_nothing(value: str) -> None:
    """Junk must neither raise nor make us wait for ever."""
    assert retry_after(value, DATE) is None


def test_an_absent_header_says_nothing() -> None:
    """A wait that nobody asked for would be told as the server's wish."""
    assert retry_after(None, DATE) is None


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize(
    "date",
    [DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", DATE[:-3] + "-0000"],
)
def test_every_form_of_a_date_is_in_greenwich_time(date: str) -> None:
    """RFC 9110 §5.6.7: asctime says no zone and means GMT; local time would be hours off."""
    assert seconds_of_date(date) == 784111777.0


@given(st.text(), st.text() | st.none())
def test_retry_after_takes_any_text(value: str, date: str | None) -> None:
    """A header made to raise would make us stand aside."""
    seconds = retry_after(value, date)

    assert seconds is None or seconds >= 0.0


@given(
    st.integers(1, 40),
    st.sampled_from(["Jan", "Feb", "Nov"]),
    st.integers(0, 99_999),
    st.integers(0, 99),
    st.sampled_from(["GMT", "-0000", "+9999", "", "EST", "-9959"]),
)
def test_no_date_raises(day: int, month: str, year: int, hour: int, zone: str) -> None:
    """The year 0 and the 40th of January come from broken clocks."""
    date = f"Sun, {day:02} {month} {year} {hour:02}:00:00 {zone}"

    assert isinstance(seconds_of_date(date), (float, type(None)))
    assert (retry_after(date, DATE) or 0.0) >= 0.0


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_both_forms_of_retry_after_say_the_same(moment: int, seconds: int) -> None:
    """A server may choose either form."""
    sent = datetime(1995, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=moment)
    until = sent + timedelta(seconds=seconds)
    date, value = (format_datetime(one, usegmt=True) for one in (sent, until))

    assert retry_after(value, date) == retry_after(str(seconds), date) == seconds
