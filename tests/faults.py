"""Where do tests find servers that fail on purpose?

Here: this is the one place to import them from. `FaultServer` serves resources
and follows a script of faults; `FaultProxy` is a proxy in the same spirit;
`Authority` signs their certificates. All of it is on the loopback.

    with FaultServer(script=[Reset(after=1000).when("*.whl", first=1)]) as server:
        url = server.put("/demo.whl", content)
        ...
        assert server.ranges("/demo.whl") == [None, "bytes=1000-"]
"""

from __future__ import annotations

from tests.servers.answers import Request, Resource, strong_etag
from tests.servers.authority import Authority
from tests.servers.cuts import (
    DropEvery,
    Fin,
    HandshakeEof,
    HandshakeSilence,
    HangUp,
    HostThrottle,
    NeverAnswer,
    Pause,
    Reset,
    Silence,
    Throttle,
    Trickle,
)
from tests.servers.fault_proxy import FaultProxy, Relayed
from tests.servers.fault_server import FaultServer, Seen
from tests.servers.listener import refused_port, swallowing_port
from tests.servers.script import Fault, Scripted, Together, When, all_but_each, each, numbers
from tests.servers.wrong_answers import (
    BadChunkHeader,
    FlippedBit,
    IfRangeIgnored,
    Junk,
    MissingHeaders,
    NoLastChunk,
    OtherContent,
    OtherTotal,
    RangeIgnored,
    RangeRefused,
    Status,
    WrongOffset,
    captive_portal,
    redirect,
    too_many_requests,
    unavailable,
)

__all__ = [
    "Authority",
    "BadChunkHeader",
    "DropEvery",
    "Fault",
    "FaultProxy",
    "FaultServer",
    "Fin",
    "FlippedBit",
    "HandshakeEof",
    "HandshakeSilence",
    "HangUp",
    "HostThrottle",
    "IfRangeIgnored",
    "Junk",
    "MissingHeaders",
    "NeverAnswer",
    "NoLastChunk",
    "OtherContent",
    "OtherTotal",
    "Pause",
    "RangeIgnored",
    "RangeRefused",
    "Relayed",
    "Request",
    "Reset",
    "Resource",
    "Scripted",
    "Seen",
    "Silence",
    "Status",
    "Throttle",
    "Together",
    "Trickle",
    "When",
    "WrongOffset",
    "all_but_each",
    "captive_portal",
    "each",
    "numbers",
    "redirect",
    "refused_port",
    "strong_etag",
    "swallowing_port",
    "too_many_requests",
    "unavailable",
]
