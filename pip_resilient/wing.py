"""What does only trouble need?

The rule: what is imported here is imported nowhere else but in the wing
itself; the others ask `door.wing` for it. A new module of the wing is one more
line here. The last good pages alone are asked for by healthy runs too, where an
index answers (`session/run.py`); here they are only loaded with the rest.
"""

from pip_resilient import diagnosis, events, journal, messages, ndjson
from pip_resilient.mirrors import declared, group
from pip_resilient.policy import disclosure, ranges
from pip_resilient.policy.failure import Failure, Kind
from pip_resilient.session import account, aside, behind, memory, opener, spares, translate
from pip_resilient.session.continuation import Continuation
from pip_resilient.session.healing import Healing
from pip_resilient.session.lanes import Lanes
from pip_resilient.session.recall import Recall
from pip_resilient.store import last_good
from pip_resilient.store.partials import Partials

__all__ = [
    "Continuation",
    "Failure",
    "Healing",
    "Kind",
    "Lanes",
    "Partials",
    "Recall",
    "account",
    "aside",
    "behind",
    "declared",
    "diagnosis",
    "disclosure",
    "events",
    "group",
    "journal",
    "last_good",
    "memory",
    "messages",
    "ndjson",
    "opener",
    "ranges",
    "spares",
    "translate",
]
