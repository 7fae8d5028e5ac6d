"""How does the report's page look?

The rule: data alone: one style sheet for light and dark, wide and narrow, and
the few signs that are drawn many times. Every colour has a contrast of at
least 3 : 1 against what is behind it, text 4.5 : 1 (WCAG 2.2), and nothing is
told by colour alone.
"""

from __future__ import annotations

HOSTS = 6
"""Hosts with a colour of their own; all others share the last one."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1d2329; --soft: #59636e; --line: #e1e4e8;
  --bad: #b3261e; --bad-paper: #fdf1ef; --good: #1a6b3c; --good-paper: #eef7f0; --pause: #8a939d;
  --h0: #2a6fb8; --h1: #c0620a; --h2: #12826a; --h3: #8a52b5; --h4: #a8427e; --h5: #6b7681; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --card: #1b1f24; --ink: #e6e9ec; --soft: #9da7b1; --line: #2e343b;
  --bad: #ff9d94; --bad-paper: #33201f; --good: #7fd6a0; --good-paper: #1b2b22; --pause: #7d8790;
  --h0: #5fa3ec; --h1: #eb9a52; --h2: #45bd9e; --h3: #bd92e3; --h4: #e485bb; --h5: #97a2ad; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 17px; margin: 40px 0 12px; }
p { margin: 0; }
.soft, .name span, .took span { color: var(--soft); }
.soft { font-size: 13px; }
.verdict { margin: 20px 0; padding: 12px 16px; border-radius: 6px; border-left: 4px solid;
  overflow-wrap: anywhere; }
.verdict.good { background: var(--good-paper); border-color: var(--good); }
.verdict.bad { background: var(--bad-paper); border-color: var(--bad); }
.good b { color: var(--good); } .bad b, .failed { color: var(--bad); }
.numbers { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 0; }
.numbers div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.numbers div { padding: 12px 16px; }
.numbers dt { color: var(--soft); font-size: 13px; }
.numbers dd { margin: 0; font-size: 21px; font-weight: 600; line-height: 1.3; }
.card { padding: 16px; }
svg { display: block; width: 100%; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); paint-order: stroke; stroke: var(--card);
  stroke-width: 4px; stroke-linejoin: round; }
.key { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 12px; padding: 0;
  list-style: none; font-size: 13px; color: var(--soft); }
.key li { display: flex; align-items: center; gap: 7px; }
.key svg { width: 22px; height: 14px; flex: none; }
.key b { color: var(--ink); font-weight: 600; }
.h0 { --h: var(--h0); } .h1 { --h: var(--h1); } .h2 { --h: var(--h2); } .h3 { --h: var(--h3); }
.h4 { --h: var(--h4); } .h5 { --h: var(--h5); }
.b, .e { fill: var(--h); }
.rows .a, .rows .b { stroke: var(--h); stroke-width: 1.5; stroke-linejoin: round; }
.a { fill: var(--h); opacity: .38; } .w { fill: url(#pause); }
.e { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 2; }
.grid { stroke: var(--line); stroke-width: 1; }
.show { margin-left: 8px; }
#all { margin: 0 0 14px; }
.rows { padding: 0; overflow: clip; }
.row { display: grid; grid-template-columns: 290px 1fr 190px; gap: 0 18px; align-items: center;
  padding: 0 16px; min-height: 46px; border-top: 1px solid var(--line); }
.axis { position: sticky; top: 0; z-index: 1; background: var(--card); border-top: 0;
  border-radius: 8px 8px 0 0; border-bottom: 1px solid var(--line); min-height: 32px; }
.row .bars { height: 46px; }
.axis svg { height: 14px; }
.axis .took { font-size: 13px; }
.axis + .row, .axis + details > .row { border-top: 0; }
.bars { background:
  linear-gradient(90deg, var(--line) 1px, transparent 1px) 0 0 / var(--tick) 100%; }
.name, .took { min-width: 0; line-height: 1.35; font-size: 14px; }
.name b, .name span { display: block; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.name b { font-weight: 500; }
.name span, .took span { font-size: 12px; }
.took { text-align: right; }
.took span { display: block; }
.took .failed { font-weight: 600; font-style: normal; }
summary { list-style: none; cursor: pointer; }
summary::-webkit-details-marker { display: none; }
summary .name b::before { content: ""; display: inline-block; margin-right: 8px;
  vertical-align: 1px; border: 4px solid transparent; border-left: 6px solid var(--soft);
  border-right: 0; }
[open] > .row { padding-block: 8px; }
[open] > summary .name b { white-space: normal; overflow-wrap: anywhere; }
[open] > summary .name b::before { transform: rotate(90deg); }
summary:hover { background: color-mix(in srgb, var(--line) 45%, transparent); }
:focus-visible { outline: 2px solid var(--h0); outline-offset: -2px; border-radius: 4px; }
.told { margin: 0; padding: 4px 16px 14px 31px; list-style: none; font-size: 13px; }
.told li { display: grid; grid-template-columns: 72px 1fr; gap: 12px; padding: 2px 0;
  overflow-wrap: anywhere; }
.told i { color: var(--soft); text-align: right; font-style: normal; }
#all:not(:checked) ~ .rows .quiet { display: none; }
footer { margin-top: 40px; }
@media (max-width: 760px) {
  main { padding: 20px 14px 48px; }
  h1 { font-size: 22px; }
  .numbers { grid-template-columns: repeat(2, 1fr); gap: 8px; }
  .numbers div { padding: 9px 12px; } .numbers dd { font-size: 18px; }
  .card { padding: 12px; } .rows { padding: 0; }
  .row { grid-template-columns: 1fr auto; padding: 8px 12px 0; gap: 0 12px; }
  .row .bars { height: 34px; margin-top: -3px; }
  .axis { padding: 8px 12px; }
  .row .bars, .axis svg { grid-column: 1 / -1; grid-row: 2; }
  .axis > span { display: none; } .axis svg { grid-row: 1; }
  .axis text.odd, .card text.odd { display: none; }
  .told { padding-inline: 12px; } .told li { grid-template-columns: 58px 1fr; gap: 10px; }
}
@media print { #all:not(:checked) ~ .rows .quiet { display: grid; }
  #all:not(:checked) ~ .rows details.quiet { display: block; } .axis { position: static; } }
"""

SIGNS = """<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="pause" width="6" height="6" patternUnits="userSpaceOnUse"
 patternTransform="rotate(45)">
<path d="M0 0V6" stroke="var(--pause)" stroke-width="4"/></pattern>
<g id="failed"><circle r="6.5" fill="var(--card)"/>
<path d="M-4-4 4 4M4-4-4 4" stroke="var(--bad)" stroke-width="2.5" stroke-linecap="round"/></g>
<g id="resumed"><path d="M-5-7.5 8 0-5 7.5z" fill="var(--good)" stroke="var(--card)"
 stroke-width="1.5" stroke-linejoin="round"/></g>
<g id="switched"><path d="M0-6.5 6.5 0 0 6.5-6.5 0z" fill="var(--ink)" stroke="var(--card)"
 stroke-width="1.5"/></g>
<g id="more"><circle r="4.5" fill="var(--card)" stroke="var(--ink)" stroke-width="2"/></g>
<g id="gaveup"><rect x="-7" y="-7" width="14" height="14" rx="3" fill="var(--bad)"
 stroke="var(--card)" stroke-width="1.5"/>
<path d="M0-4V1M0 3.6V4" stroke="var(--card)" stroke-width="2.4" stroke-linecap="round"/></g>
</defs></svg>
"""
