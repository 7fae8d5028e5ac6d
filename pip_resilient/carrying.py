"""Where is the carrier, and may other Pythons be sent there?

The rule: what stands first on the PYTHONPATH of every Python that a command
starts must be as safe as those Pythons themselves. So the folders that it and
the plugin are read from belong to this user or to root, and nobody else may
write there; otherwise there is no carrier, and a reason.
"""

from __future__ import annotations

import os
import stat

try:
    import grp
    import pwd
except ImportError:  # Windows: a profile's access list keeps others out
    _CHECKED = False
else:
    _CHECKED = True

PLUGIN = os.path.dirname(os.path.abspath(__file__))
HOME = os.path.dirname(PLUGIN)
CARRIER = os.path.join(PLUGIN, "carrier")


def why_not(home: str = HOME) -> str:
    """Return why the carrier may not be used; empty where it may.

    Args:
        home: The folder that the plugin and wrapt lie in.
    """
    plugin, wrapt = os.path.join(home, "pip_resilient"), os.path.join(home, "wrapt")
    carrier = os.path.join(plugin, "carrier")
    if os.pathsep in home:
        return f"{carrier} cannot stand on PYTHONPATH, which is parted at {os.pathsep!r}"
    for path in (home, plugin, wrapt, carrier, os.path.join(carrier, "sitecustomize.py")):
        try:
            found = os.stat(path)
        except OSError as error:
            return f"the plugin and wrapt must lie in one folder; {path}: {error.strerror}"
        if not _is_safe(found):
            return f"others than you and root may write to {path}"
    return ""


def path_with_carrier(before: str | None) -> str:
    """Return a PYTHONPATH with the carrier first.

    What the user has there stays letter for letter: an empty entry of theirs is
    the current folder, and one of ours would make it so for everybody.
    """
    if before and before.split(os.pathsep)[0] == CARRIER:  # one run in another
        return before
    return os.pathsep.join([CARRIER, before] if before else [CARRIER])


def safe_path(before: str | None) -> str:
    """Return a PYTHONPATH with the carrier first.

    Raises:
        PermissionError: It may not be used; the message says why.
    """
    reason = why_not()
    if reason:
        raise PermissionError(reason)
    return path_with_carrier(before)


def _is_safe(found: os.stat_result) -> bool:
    if not _CHECKED:
        return True
    writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if found.st_uid not in (0, os.geteuid()) or writable & stat.S_IWOTH:
        return False
    return not writable or _is_private(found.st_gid)


def _is_private(group: int) -> bool:
    """Tell whether a group is this user's own: many systems make one for each, and umask 002."""
    try:
        user, its = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    alone = not {*its.gr_mem} - {user.pw_name}
    return user.pw_gid == group and its.gr_name == user.pw_name and alone
