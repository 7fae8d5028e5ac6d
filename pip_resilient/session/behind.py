"""Is what pip did not find only missing on a mirror that has fallen behind?

The rule: looked at once pip has said that nothing fits, and never before. A
page's serial is held against the highest one that PyPI itself has ever named
on this machine; without either of them nothing is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pip_resilient.events import Behind
from pip_resilient.mirrors import simple_pages
from pip_resilient.policy.disclosure import without_secrets
from pip_resilient.policy.origins import place_of
from pip_resilient.session.pages import listed_by

if TYPE_CHECKING:
    from pip_resilient.session.pages import Page
    from pip_resilient.session.run import Run


def note(run: Run) -> None:
    """Note which of the pages that pip got last are older than what PyPI has said before."""
    for page in run.pages.unread():
        found = _judged(run, page)
        if found is not None:
            run.journal.add(found)


def _judged(run: Run, page: Page) -> Behind | None:
    listed = listed_by(page.url)
    asked = None if listed is None else run.group.asked(page.url, [listed[0]])
    if asked is None or asked.whose == "other":  # its serials are numbers of its own
        return None
    try:
        serial = simple_pages.parse(page.content, page.content_type, page.url).serial
    except simple_pages.NotAPage:
        return None
    newest = run.last_good.mark(run.group.pypi.index_url, asked.project)
    if serial is None or newest is None or serial >= newest:
        return None
    place = page.served_by or place_of(page.url)
    return Behind(run.at(), place, without_secrets(page.url), serial, newest)
