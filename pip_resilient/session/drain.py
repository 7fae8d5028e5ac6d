"""How is the whole body of another source's answer read?

The rule: in pip's own thread, from a lane that never blocks, so that silence
is noticed within seconds; a source that falls silent, crawls or ends early
has had its turn.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.policy.patience import CRAWL_RATE, SLOW_FOR
from pip_resilient.policy.spans import Span, content_length
from pip_resilient.session import translate
from pip_resilient.session.elsewhere import Unusable
from pip_resilient.session.lane import Lane, is_chunked, lane_for
from pip_resilient.session.watch import wait_readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from pip_resilient.session.exchange import Exchange

_SILENCE = 8.0
"""Seconds of silence after which a source has had its turn."""
_LOOK = 0.5
"""Seconds after which silence is looked at."""
_PAGE = 64 << 20
"""Bytes of the largest page that is read, compressed and not."""
_PIECE = 64 << 10


class Pace(NamedTuple):
    """How fast a source has to be.

    Attributes:
        least: Bytes per second.
        within: Seconds over which that is measured.
    """

    least: float
    within: float


def drain(
    lane: Lane, exchange: Exchange, take: Callable[[bytes], None], pace: Pace | None = None
) -> Failure | None:
    """Read a lane to its end.

    Args:
        lane: What is read; released at its end, closed in any other case.
        exchange: Whose time it takes.
        take: Gets the payload, in order.
        pace: How fast it has to be; None: no slower than a body may ever be.

    Returns:
        None at the end, or what happened before it.
    """
    run = exchange.run
    if pace is None:
        pace = Pace(CRAWL_RATE, min(SLOW_FOR, exchange.limits.patience))
    began = since = run.clock.now()
    count = 0
    try:
        while not lane.done:
            came = lane.read()
            now = run.clock.now()
            if came is None:
                failure = _judge(exchange, now - since)
                if failure is not None:
                    lane.kill()
                    return failure
                socks = [] if lane.sock is None else [lane.sock]
                wait_readable(socks, _LOOK)
                continue
            since = now
            count += len(came)
            take(came)
            if now - began > pace.within:
                if count < pace.least * (now - began):
                    lane.kill()
                    return Failure(Kind.CRAWL)
                began, count = now, 0
    except OSError as error:
        lane.kill()
        return translate.failure_of_body(error)
    except BaseException:
        lane.kill()
        raise
    lane.release()
    return None


def _judge(exchange: Exchange, silent: float) -> Failure | None:
    left = exchange.time_left()
    if silent >= _SILENCE or (left is not None and left <= 0):
        return Failure(Kind.SILENT, f"for {silent:.0f} s")
    return None


def page_of(up: Any, exchange: Exchange) -> bytes:
    """Read and decompress an index page, whole.

    Raises:
        Unusable: It is cut, too large or not readable.
    """
    chunked = is_chunked(up)
    length = None if chunked else content_length(up.headers)
    lane = lane_for(up, Span(0, length, length))
    kept = bytearray()

    def take(data: bytes) -> None:
        kept.extend(data)
        if len(kept) > _PAGE:
            raise _too_large()

    unsized = lane.until_close
    failure = drain(lane, exchange, take)
    if failure is not None:
        raise Unusable(failure)
    page = _plain(bytes(kept), up.headers.get("Content-Encoding", ""))
    # Without a length its end cannot be told from a cut; JSON tells by itself.
    html = "json" not in up.headers.get("Content-Type", "").lower()
    if unsized and html and b"</html>" not in page[-1024:].lower():
        raise Unusable(Failure(Kind.TRUNCATED))
    return page


def _too_large() -> Unusable:
    return Unusable(Failure(Kind.TOO_LARGE, f"over {_PAGE >> 20} MiB"))


def _plain(data: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip"):
        raise Unusable(Failure(Kind.GARBLED, f"encoding {encoding}"))
    decoder, page = zlib.decompressobj(16 + zlib.MAX_WBITS), bytearray()
    try:
        for first in range(0, len(data), _PIECE):  # a bomb is not to be held three times over
            rest = data[first : first + _PIECE]
            while rest:
                page += decoder.decompress(rest, _PIECE)
                rest = decoder.unconsumed_tail
                if len(page) > _PAGE:
                    raise _too_large()
    except zlib.error:
        raise Unusable(Failure(Kind.GARBLED, "not gzip")) from None
    if not decoder.eof or decoder.unused_data:
        raise Unusable(Failure(Kind.GARBLED, "not one whole gzip"))
    return bytes(page)
