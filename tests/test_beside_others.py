"""Does pip still work where somebody else has changed it too, or only imports it?

The rule: what others do to pip's classes goes on working when the objects are of
ours as well; and who imports pip's session but never makes one is not the pip
that the user reads, so it takes nothing from those it starts.
"""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import pytest
from pip._internal.network import session as session_module

from pip_resilient.children import VARIABLE
from pip_resilient.hook import Hook
from tests.faults import FaultServer
from tests.pip_in_process import hooked_pip


def through_its_own_class(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Do as pip-system-certs 5.3 does: ask the class above the one that the object names."""
    above = super(self.__class__, self)
    return above.get_connection_with_tls_context(*args, **kwargs)  # type: ignore[misc]


def test_a_method_that_asks_above_the_objects_own_class_does_not_meet_itself() -> None:
    """It would recurse without end as soon as the object is of a subclass."""
    with FaultServer() as server:
        url = server.put("/demo.txt", b"content")
        name = "get_connection_with_tls_context"
        adapter = session_module.InsecureHTTPAdapter  # for plain http, too
        with (
            mock.patch.object(adapter, name, through_its_own_class, create=True),
            hooked_pip() as pip,
        ):
            page = pip.page(url)

        assert page == b"content"
        assert pip.surprises == []


def test_an_adapter_names_pips_class_and_is_of_it_again_after_undo() -> None:
    with hooked_pip() as pip:
        session = pip.session()
        adapter = session.get_adapter("https://index.example/")
        while_on = (type(adapter), adapter.__class__)
    after = (type(adapter), adapter.__class__)
    session.close()

    assert while_on[0] is not while_on[1]
    assert after == (while_on[1], while_on[1])
    assert while_on[1].__module__.startswith("pip.")


@pytest.mark.filterwarnings("ignore:pkg_resources is deprecated")  # by pips up to 24
def test_an_import_alone_takes_no_child_from_anybody() -> None:
    """A pip that it starts would be silent, and nobody would speak for it."""
    hook = Hook(session_module, lambda why: None)
    try:
        hook.apply()
        imported = VARIABLE in os.environ
        session_module.PipSession().close()
        made = VARIABLE in os.environ
    finally:
        hook.record.undo()

    assert (imported, made) == (False, True)
    assert VARIABLE not in os.environ
