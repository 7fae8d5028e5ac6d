"""What does only trouble need?

The rule: what is imported here is imported nowhere else but in the wing
itself; the others ask `door.wing` for it. A new module of the wing is one more
line here.
"""

from pip_resilient import diagnosis, events, journal, messages
from pip_resilient.mirrors import declared, group
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.session import memory, spares, translate
from pip_resilient.session.continuation import Continuation
from pip_resilient.session.rival import Rival
from pip_resilient.store import last_good

__all__ = [
    "Continuation",
    "Failure",
    "Kind",
    "Rival",
    "declared",
    "diagnosis",
    "events",
    "group",
    "journal",
    "last_good",
    "memory",
    "messages",
    "spares",
    "translate",
]
