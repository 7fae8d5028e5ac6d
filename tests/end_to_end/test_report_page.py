"""Does a real browser show the report's page on every screen, in both schemes and without a mouse?

The rule: the page itself runs no script; a copy with one measures what the
browser has made of it, in a frame as wide as the screen: Chromium's own window
is never narrower than 500 pixels. Where there is no Chromium, that is said.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pip_resilient.cli.report_page import page
from tests.reported_runs import EVERYTHING, RUN, many

if TYPE_CHECKING:
    from pathlib import Path

    from pip_resilient.cli.kept import Kept

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")

LIGHT, DARK = 1, 0
MEASURE = """<script>
const seen = (e) => e.getClientRects().length > 0;
const of = (what) => [...document.querySelectorAll(what)];
const shown = () => of('.row:not(.axis)').filter(seen).length;
const before = shown();
const all = document.getElementById('all');
all.click();
const after = shown();
const wide = of('main *').filter(e => !e.closest('svg') && e.scrollWidth > e.clientWidth + 1 &&
  getComputedStyle(e).overflowX === 'visible' && getComputedStyle(e).display !== 'inline');
of('details').forEach(e => e.open = true);
document.title = JSON.stringify({
  before, after,
  page: document.documentElement.scrollWidth, window: innerWidth,
  wide: wide.map(e => e.className || e.tagName),
  bars: of('.bars rect').filter(e => e.getBoundingClientRect().width > 0.5).length,
  rects: of('.bars rect').filter(e => seen(e.closest('.row'))).length,
  told: of('.told li').filter(seen).length,
  legible: Math.min(...of('main *').filter(seen).map(e =>
    parseFloat(getComputedStyle(e).fontSize))),
  reached: of('input, summary').every(e => e.tabIndex >= 0),
  paper: getComputedStyle(document.body).backgroundColor,
});
</script>"""


FRAME = """<!DOCTYPE html><html><head><title></title><meta name="color-scheme" content="light dark">
</head><body><iframe style="border: 0; width: {width}px; height: 900px" srcdoc="{text}"
onload="document.title = this.contentDocument.title"></iframe></body></html>"""


def measured(run: Kept, tmp_path: Path, width: int, scheme: int) -> dict[str, Any]:
    """Return what a browser says of the page of a run."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page(run))
    text = html.escape(text.replace("</body>", MEASURE + "</body>"))
    path = tmp_path / "page.html"
    path.write_text(FRAME.format(width=width, text=text), "ascii")
    browse = (
        *(str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}"),
        *("--window-size=1400,900", f"--blink-settings=preferredColorScheme={scheme}"),
    )
    done = subprocess.run(
        [*browse, path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400, 320])
def test_the_page_fits_and_follows_the_scheme(tmp_path: Path, width: int, scheme: int) -> None:
    """A page that must be pushed sideways is not read."""
    found = measured(EVERYTHING, tmp_path, width, scheme)

    assert found["window"] == width
    assert found["page"] <= width
    assert found["legible"] >= 12
    assert found["wide"] == []
    assert found["paper"] == ("rgb(251, 251, 250)" if scheme == LIGHT else "rgb(20, 23, 27)")


def test_the_page_is_used_with_the_keyboard(tmp_path: Path) -> None:
    """What happened opens, and what did not is shown, without a script of ours."""
    found = measured(RUN, tmp_path, 1200, LIGHT)

    assert found["reached"]
    assert found["told"] == 7
    assert found["bars"] == found["rects"] > 8


def test_a_thousand_requests_are_shown_when_asked_for(tmp_path: Path) -> None:
    """Those with trouble come first."""
    quiet = many(1000, troubled=False)
    found = measured(quiet._replace(events=[*quiet.events, *RUN.events]), tmp_path, 1200, LIGHT)

    assert (found["before"], found["after"]) == (2, 1003)
