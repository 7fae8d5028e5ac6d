"""What would somebody send who wants a parser to fail?

The rule: nearly what is right. Pure noise is refused at the first byte and
shows nothing; so valid documents are taken and damaged a little: a value
becomes an absurd one, bytes are changed, repeated, taken out or put in.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = (
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**19, 10**400, -(10**400)),
    *(0.5, -0.0, 1e308, -1e308, 5e-324),
)
"""Sizes, serials and moments that cannot be, or nearly not."""

LITERALS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E+05", "0.1e-400"),
    *("9" * 400, "-" + "9" * 4301, "0." + "3" * 5000, "1" + "0" * 20_000),
    *("[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000),
)
"""JSON that `json.dumps` would not write."""

PIECES = (
    *(b"\0", b"\r", b"\n", b"\r\n\r\n", b"\x1b[2J", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\xa9"),
    *(b'"', b"'", b"<", b">", b"</a>", b"<a ", b"<!--", b"-->", b"<![CDATA[", b"<?", b"&#x", b"&"),
    *(b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800", b"\\u0000", b"%00", b"%2e%2e%2f"),
    *(b"../", b"..\\", b"//", b"@", b"#", b"?", b"://", b"file:///etc/passwd", b"javascript:"),
    *(b"-", b"*", b"/", b"=", b";", b"9" * 30, b"\xd9\xa3", b"bytes ", b'W/"'),
)
"""What means something to one parser or another."""

odd_text = st.text(max_size=30) | st.sampled_from(
    [
        *("", "\0", "\ud800", "a\udcffb", "\x1b]0;title\x07", "\u202eexe.whl", "\u2028"),
        "a" * 5000,
        *("..", "../../x", "..\\x", "C:\\x", "CON", "x\ny", "x\r\nSet-Cookie: a=b"),
        *("\u0663", "\u00b2", "\uff11\uff12"),
        *("http://[", "http://[::1", "http://x:99999/", "http://x:٣/", "//", "https://\u2100/"),
        *("http://a b/", "https://user:pw@x/", "%", "%zz", "%25%32%65", "\N{FULLWIDTH SOLIDUS}"),
    ]
)
"""Names, URLs and words that are none."""

_values = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=5,
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(document, dict):
        for key, value in document.items():
            found += _places(value, (*path, key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            found += _places(value, (*path, number))
    return found


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy in which something else stands at a place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = _with(copy[path[0]], path[1:], value)
    return copy


@st.composite
def damaged_json(draw: st.DrawFn, *documents: Any) -> bytes:
    """Return a JSON document in which some values are absurd."""
    document = draw(st.sampled_from(documents))
    literal = draw(st.none() | st.sampled_from(LITERALS))
    for _ in range(draw(st.integers(0, 2))):
        document = _with(document, draw(st.sampled_from(_places(document))), draw(_values))
    if literal is not None:
        document = _with(document, draw(st.sampled_from(_places(document))), "<literal>")
    written = json.dumps(document, ensure_ascii=draw(st.booleans()))
    written = written.replace('"<literal>"', literal or "0")
    content = written.encode("utf-8", "surrogatepass")
    return draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content


@st.composite
def damaged(draw: st.DrawFn, *documents: bytes) -> bytes:
    """Return a document of which some bytes are others, missing or there again and again."""
    content = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(content)))
        last = draw(st.integers(first, min(len(content), first + 40)))
        put = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(content[first:last]))
        times = draw(st.sampled_from((1, 1, 1, 2, 300)))
        content = content[:first] + put * times + content[last:]
    return content


def header(*values: str) -> st.SearchStrategy[str]:
    """Return values of a header as `http.client` gives them: latin-1, nearly right ones."""
    right = tuple(value.encode("latin-1") for value in values)
    return damaged(*right).map(lambda value: value.decode("latin-1")) | odd_text


def grows_evenly(
    work: Callable[[Any], object], made: Callable[[int], Any], size: int, most: float = 9.0
) -> None:
    """See that four times as much takes four times as long, and not sixteen.

    Args:
        work: What is measured; errors of its own it may not raise.
        made: Makes what it is given, of that size.
        size: The smaller one.
        most: How many times as long it may take, noise included.
    """

    def took(given: Any) -> float:
        began = time.thread_time()
        work(given)
        return time.thread_time() - began

    less, more = made(size), made(4 * size)
    short = long = float("inf")
    for _ in range(3):  # only noise goes away when it is tried again
        short, long = min(short, took(less)), min(long, took(more))
        if long < max(most * short, 0.05):
            return
    raise AssertionError(f"{short:.3f} s, and {long:.3f} s for four times as much")
