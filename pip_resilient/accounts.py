"""What was the run like in which something happened?

The rule: what is needed to draw it, and nothing that tells who somebody is or
what his password is. A run in which nothing happens has no such records.

Units: bytes and seconds; `at` is seconds since the run began. Every field is
explained in `docs/events.md`.
"""

from __future__ import annotations

from typing import NamedTuple


class AboutRun(NamedTuple):
    """The run as a whole; of a build child too, whose records follow its own.

    Attributes:
        started: Seconds since 1970.
        duration: Seconds until this was written.
        failed: Whether pip has reported an error.
        command: pip's command, `install` for instance; empty: unknown.
        plugin: Version of pip-resilient.
        pip: Version of pip.
        python: Version of Python.
        settings: Those that differ from the defaults, without secrets.
        requests: How many requests pip has made.
        records: How many records the run has, this one among them; in a file
            that holds fewer the middle was left out.
        verdict: The last line that the user was told, or None.
    """

    at: float
    started: float
    duration: float
    failed: bool
    command: str
    plugin: str
    pip: str
    python: str
    settings: dict[str, str]
    requests: int
    records: int
    verdict: str | None


class Requested(NamedTuple):
    """A request of pip's, from its first attempt to its last byte.

    Attributes:
        answered: When the headers came that pip got; None: none came.
        ended: When its body had come, or was given up; None: it never ended.
        status: Of the answer that pip got, or None.
        length: Bytes of the body that came.
        cached: Whether pip's cache answered alone.
    """

    at: float
    place: str
    url: str
    method: str
    answered: float | None
    ended: float | None
    status: int | None
    length: int
    cached: bool


class Brought(NamedTuple):
    """The bytes that one host has brought within a stretch of time.

    Attributes:
        at: Where the stretch begins.
        width: How long it is.
        length: Bytes of bodies, as they came over the network.
    """

    at: float
    place: str
    width: float
    length: int
