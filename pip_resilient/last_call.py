"""Has a child told anything when imports are about to be blocked?

The rule: this module is imported by pip 26.3 itself, right before it installs
(`pip._EAGER_IMPORTS`, which `hook.py` adds it to). What a healthy run's
children told is read at its end, and needs the wing, which could not be
imported then any more.
"""

from __future__ import annotations

import contextlib
import os

from pip_resilient.children import VARIABLE

with contextlib.suppress(Exception):  # then the children's events are not told
    if os.path.getsize(os.environ.get(VARIABLE, "")):
        import pip_resilient.wing  # noqa: F401
