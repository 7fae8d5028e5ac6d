"""What stands in the project's documents, as far as a machine can read it?

The rule: read as Markdown readers do, by headings, tables and fenced blocks; a
shape that is not one of these is not made up for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
PAGES = (*sorted(DOCS.glob("*.md")), *READMES)

_FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
_HEADING = re.compile(r"(?m)^(#{2,4}) +(.+)$")


class Block(NamedTuple):
    """A fenced block: what language it says it is in, and what stands in it."""

    language: str
    code: str


def read(path: Path) -> str:
    """Return a document."""
    return path.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """Return a document without its fenced blocks, in which `#` begins a comment."""
    return _FENCE.sub("", text)


def headings(text: str) -> list[str]:
    """Return the headings below the title."""
    return [title.strip() for _, title in _HEADING.findall(without_blocks(text))]


def section(text: str, title: str) -> str:
    """Return what stands below a heading of the second level, up to the next of them."""
    match = re.search(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text)
    if match is None:
        raise LookupError(title)
    return match[1]


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks."""
    return [Block(language, code) for language, code in _FENCE.findall(text)]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables, without heads, rules and the marks of code."""
    found: list[list[str]] = []
    lines = without_blocks(text).splitlines()
    for at, line in enumerate(lines):
        is_head = at + 1 < len(lines) and re.match(r"\|[-:| ]+\|\Z", lines[at + 1])
        if line.startswith("|") and not is_head and not re.match(r"\|[-:| ]+\|\Z", line):
            cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
            found.append([cell.strip() for cell in cells])
    return found


def commands(text: str) -> list[str]:
    """Return each command line of ours that stands in a block of a document."""
    found = []
    indented = re.findall(r"(?m)^ {4}.*$", without_blocks(text))
    fenced = [line for block in blocks(text) for line in block.code.splitlines()]
    for line in [*fenced, *indented]:
        words = re.sub(r"\A[\s$]*", "", line)
        words = re.sub(r"\A(- (run: )?|run: |RUN )", "", words)
        words = re.sub(r"\A(\w+=\S+ +)+", "", words)
        if re.match(r"pip-resilient( |\Z)", words) and not words.startswith("pip-resilient run"):
            found.append(re.split(r"  +|\s+#|\s*[|;>&`\"]", words)[0].strip())
    return found
