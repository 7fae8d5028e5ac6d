"""When is that, of which a header speaks?

The rule: a date is read in all the forms of RFC 9110 §5.6.7, and compared only
with another date of the same answer, never with this machine's clock.
"""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, date: str | None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP-date (RFC 9110 §10.2.3).

    A date is measured against the response's own Date, so that a wrong clock
    on either side does no harm.

    Args:
        value: The header, or None.
        date: The response's Date header, or None.

    Returns:
        Seconds, never negative; None if there is nothing understandable.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment, now = seconds_of_date(text), seconds_of_date(date)
    if moment is None or now is None:
        return None
    return max(0.0, moment - now)


def seconds_of_date(date: str | None) -> float | None:
    """Read an HTTP-date (RFC 9110 §5.6.7) as seconds since 1970; None if it is none.

    A date without a zone, as asctime writes it, is in GMT too.
    """
    if not date:
        return None
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
