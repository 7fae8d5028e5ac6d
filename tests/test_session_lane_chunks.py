"""Are chunks undone rightly, wherever the network cuts them?

They are decoded from memory: no socket is needed to see it (RFC 9112 §7.1).
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pip_resilient.session.lane import Chunks, Garbled


def chunked(pieces: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    chunks = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces if piece]
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.sampled_from([b"", b";name=value", b' ; a="b"', b" "]),
    st.sampled_from([b"", b"Digest: x\r\n", b"A: 1\r\nB: 2\r\n"]),
    st.lists(st.integers(0, 3000)),
)
def test_chunks_may_come_in_any_pieces(
    pieces: list[bytes], extension: bytes, trailer: bytes, cuts: list[int]
) -> None:
    """Networks cut where they like: between CR and LF, in the midst of a size."""
    wire = chunked(pieces, extension, trailer)
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    chunks = Chunks()
    payload = b"".join(
        chunks.decode(memoryview(wire)[start:stop]) for start, stop in zip(places, places[1:])
    )

    assert payload == b"".join(pieces)
    assert chunks.done


def test_every_single_cut_gives_the_same_bytes() -> None:
    """The exhaustive form of the property above, for one body."""
    wire = memoryview(chunked([b"abc", b"0\r\n\r\n", b"x" * 20]))
    for cut in range(len(wire)):
        chunks = Chunks()

        assert chunks.decode(wire[:cut]) + chunks.decode(wire[cut:]) == b"abc0\r\n\r\n" + b"x" * 20
        assert chunks.done


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), st.data())
def test_a_cut_in_chunks_is_not_their_end(pieces: list[bytes], data: st.DataObject) -> None:
    """A page cut short would be an index with fewer versions."""
    wire = chunked(pieces)
    chunks = Chunks()
    chunks.decode(memoryview(wire)[: data.draw(st.integers(0, len(wire) - 1))])

    assert not chunks.done


@pytest.mark.parametrize(
    "wire",
    [b"zz", b"", b"-5", b"+5", b"0x5", b"1_0", b"5 5", b";a"],
)
def test_a_size_that_is_no_number_is_garbled(wire: bytes) -> None:
    """What follows would be read at a wrong place."""
    with pytest.raises(Garbled):
        Chunks().decode(memoryview(wire + b"\r\n0123456789"))


def test_a_chunk_longer_than_it_says_is_garbled() -> None:
    """Some bytes would be lost between two chunks."""
    with pytest.raises(Garbled):
        Chunks().decode(memoryview(b"3\r\nabcd\r\n0\r\n\r\n"))


def test_a_size_line_without_end_is_garbled() -> None:
    """A server could fill the memory with it."""
    with pytest.raises(Garbled):
        Chunks().decode(memoryview(b"0" * 10_000))


@given(st.binary())
def test_any_bytes_are_chunks_or_garbled(wire: bytes) -> None:
    """Any other exception would make us stand aside."""
    with contextlib.suppress(Garbled):
        Chunks().decode(memoryview(wire))
