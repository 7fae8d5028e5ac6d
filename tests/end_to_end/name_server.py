"""How does a test decide where a host's name leads, with no proxy in between?

The rule: a proxy stands before everything that goes wrong with the way itself: it
resolves the names, and it is who gets no connection. So here the child's Python
asks us instead of the system's resolver (`sitecustomize`, found by PYTHONPATH), and
only for the names that it is given; from then on the connections are real.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.end_to_end.environments import Environment

NO_SUCH_NAME = "EAI_NONAME"
NO_ANSWER = "EAI_AGAIN"
Leads = Union[int, str]
"""A port of 127.0.0.1, or the name of a resolver's error."""

_SITECUSTOMIZE = """
import json, os, socket

_known = json.loads(os.environ["PLAYED_NAMES"])
_really = socket.getaddrinfo


def getaddrinfo(host, port, *args, **kwargs):
    where = _known.get(host)
    if isinstance(where, str):
        raise socket.gaierror(getattr(socket, where), "played: " + where)
    if where is None:
        return _really(host, port, *args, **kwargs)
    return _really("127.0.0.1", where, *args, **kwargs)


socket.getaddrinfo = getaddrinfo
"""


def leading(environment: Environment, names: Mapping[str, Leads]) -> dict[str, str]:
    """Return the variables that make these names lead there, whatever port is asked for."""
    for wrong in (where for where in names.values() if isinstance(where, str)):
        getattr(socket, wrong)
    folder = environment.home / "names"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE, encoding="ascii")
    return {"PYTHONPATH": str(folder), "PLAYED_NAMES": json.dumps(names)}
