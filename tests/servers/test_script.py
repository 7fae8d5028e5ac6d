"""Does each fault meet the requests that the script says, and no others?

The rule: the first fault of the script that fits gets the request, alone.
"""

from __future__ import annotations

import threading

import pytest

from tests.faults import Fault, FaultServer, HangUp, Status, all_but_each, each, numbers
from tests.servers.client import answered, asked, connected


def test_the_first_fault_that_fits_is_the_only_one(server: FaultServer) -> None:
    server.script = [Status(503).when(first=1), Status(502).when(first=2), Status(500)]

    assert [asked(server)[0].status for _ in range(4)] == [503, 502, 502, 500]


def test_a_fault_of_no_kind_lets_requests_pass(server: FaultServer) -> None:
    server.script = [Fault().when(first=2), Status(503)]

    assert [asked(server)[0].status for _ in range(3)] == [200, 200, 503]


def test_first_counts_only_what_fits(server: FaultServer) -> None:
    server.put("/a.whl", b"wheel")
    server.script = [Status(502).when("*.whl", method="GET", first=1)]
    statuses = [
        asked(server, path, method)[0].status
        for path, method in [("/file", "GET"), ("/a.whl", "HEAD"), ("/a.whl", "GET")]
    ]

    assert statuses == [200, 200, 502]
    assert asked(server, "/a.whl")[0].status == 200


def test_a_path_without_wildcards_is_a_part(server: FaultServer) -> None:
    server.script = [Status(502).when("il")]

    assert asked(server)[0].status == 502
    assert asked(server, "/other")[0].status == 404


def test_a_glob_is_for_the_whole_path_or_its_last_part(server: FaultServer) -> None:
    server.put("/deep/demo.whl", b"wheel")
    server.script = [Status(502).when("/deep/*", first=1), Status(503).when("de?o.whl", first=1)]

    assert [asked(server, "/deep/demo.whl")[0].status for _ in range(3)] == [502, 503, 200]
    assert asked(server)[0].status == 200


def test_a_fault_lasts_until_an_event(server: FaultServer) -> None:
    over = threading.Event()
    server.script = [Status(503).when(until=over)]
    during = [asked(server)[0].status for _ in range(3)]
    over.set()

    assert during == [503] * 3
    assert asked(server)[0].status == 200


def test_a_fault_begins_with_an_event(server: FaultServer) -> None:
    begun = threading.Event()
    server.script = [Status(503).when(since=begun)]

    assert asked(server)[0].status == 200
    begun.set()
    assert asked(server)[0].status == 503


def test_a_bad_connection_is_bad_for_as_long_as_it_lives(server: FaultServer) -> None:
    server.script = [Status(502).when(connections=all_but_each(3))]
    statuses = []
    for _ in range(4):
        with connected(server) as connection:
            statuses.append([answered(connection)[0].status for _ in range(2)])

    assert statuses == [[502, 502], [502, 502], [200, 200], [502, 502]]
    assert server.connections == 4


def test_requests_and_connections_are_chosen_by_number(server: FaultServer) -> None:
    server.script = [
        Status(500).when(requests=numbers(2)),
        Status(501).when(connections=each(4)),
    ]

    assert [asked(server)[0].status for _ in range(4)] == [200, 500, 200, 501]


def test_a_fault_can_ask_for_ranges_or_for_anything(server: FaultServer) -> None:
    server.script = [
        Status(500).when(ranged=True),
        Status(501).when(matching=lambda request: request.header("X-Me") == "yes"),
    ]

    assert asked(server, Range="bytes=1-")[0].status == 500
    assert asked(server, X_Me="yes")[0].status == 501
    assert asked(server)[0].status == 200


def test_a_fault_of_connections_cannot_depend_on_a_request(server: FaultServer) -> None:
    with pytest.raises(ValueError, match="no request yet"):
        server.script = [HangUp().when("*.whl")]
