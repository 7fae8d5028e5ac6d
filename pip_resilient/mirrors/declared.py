"""Which mirrors did the user name, and for what?

The rule: to name a mirror is to trust it as `--index-url` would, for as much
as was said; so a word that is not understood is no reason to guess. Then no
mirror is used at all, and one clear line says which word it was.

What `PIP_RESILIENT_MIRRORS` (in pip.conf `resilient-mirrors`) may hold, apart
from each other by white space or commas:

- `default`: the built-in mirrors, for files on PyPI's file host alone. Unset
  means this.
- `none`: no mirror. It beats `default` on whatever level it stands.
- a preset's name, a set of them (`cn`), or the URL of a simple index: pages
  and files of PyPI.
- `files:` before one of these: files only.
- `ORIGIN=URL`: a spare for that other index, and for that one alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pip_resilient.mirrors.presets import BY_NAME, PRESETS, SETS, Preset
from pip_resilient.policy.index_urls import parted, spelt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SPARE = r"(https?://\S+?)=(https?://\S+)\Z"


class Source(NamedTuple):
    """Somebody who may be able to serve what another does not.

    Attributes:
        name: What messages call it.
        operator: Who runs it, as far as is known.
        index_url: Its simple index, with a slash at the end and without userinfo.
        files: What precedes PyPI's own path of a file there, or None: then a
            file is looked up on its page.
        group: Whose failure is its failure, for people.
        named: Whether the user named it.
        pages: Whether it may serve index pages.
        login: `user:password` that the user gave for it, or nothing.
    """

    name: str
    operator: str
    index_url: str
    files: str | None
    group: str
    named: bool
    pages: bool
    login: str = ""

    def __repr__(self) -> str:
        """Show it without its login: this may stand in a traceback."""
        return f"Source({self.name!r}, {self.index_url!r})"


class Declared(NamedTuple):
    """What the user said of mirrors.

    Attributes:
        default: Whether built-in mirrors may be asked without being named.
        named: Mirrors of PyPI, in the user's order.
        spares: Index URLs of other indexes, each with a spare for it.
        problems: What was not understood, a line each.
    """

    default: bool = True
    named: tuple[Source, ...] = ()
    spares: tuple[tuple[str, Source], ...] = ()
    problems: tuple[str, ...] = ()


NOTHING = Declared(default=False)


def understood(levels: Sequence[str]) -> Declared:
    """Understand the setting.

    Args:
        levels: Its text on each level of pip's configuration where it stands,
            the strongest first; empty where nobody said anything.
    """
    if not levels:
        return Declared()
    problems = complaints(levels[0], "PIP_RESILIENT_MIRRORS", ", so no mirror is used at all")
    if problems:
        return NOTHING._replace(problems=problems)
    words = _words(levels[0])
    forbidden = any("none" in _words(level) for level in levels)
    meant = _each_once(one for word in words for one in _means(word))
    return Declared(
        default="default" in words and not forbidden,
        named=tuple(source for origin, source in meant if not origin),
        spares=tuple((origin, source) for origin, source in meant if origin),
    )


def complaints(text: str, where: str, so: str) -> tuple[str, ...]:
    """Say what in the setting's text is not understood, a line each.

    Args:
        text: The text.
        where: Where it stands.
        so: What follows from it, with what parts it from the sentence.
    """
    words = _words(text)
    if "none" in words and set(words) != {"none"}:
        wrong = [("none", "stands beside other words")]
    else:
        unknown = (word for word in words if not _is_sound(word))
        wrong = [(_shown(word, text), "is not understood") for word in unknown]
    known = ", ".join(("default", "none", *SETS, *BY_NAME))
    return tuple(
        f"{where}: {word!r} {why}{so}; known are {known}, URLs of indexes, files:NAME-OR-URL and"
        " ORIGIN=URL"
        for word, why in wrong
    )


def _words(text: str) -> list[str]:
    """Return the words, names in lower case."""
    words = [word if "//" in word else word.lower() for word in re.split(r"[\s,]+", text) if word]
    return words or ["default"]


def _each_once(meant: Iterable[tuple[str, Source]]) -> list[tuple[str, Source]]:
    """Return every source once for each origin; what was said of it adds up."""
    found: dict[tuple[str, str], Source] = {}
    for origin, source in meant:
        known = found.setdefault((origin, source.index_url), source)
        found[origin, source.index_url] = known._replace(
            pages=known.pages or source.pages, login=known.login or source.login
        )
    return [(origin, source) for (origin, _), source in found.items()]


def _shown(word: str, text: str) -> str:
    """Return a word without what may be a password in it, or a piece of one.

    A password may hold what parts words and URLs: where a login is anywhere in
    the text, a word without one may be a piece of it.
    """
    if "@" in text and "@" not in word:
        begins = re.match(r"(files:)?https?://", word)
        return (begins[0] if begins else "") + "..."
    word = re.sub(r"\A((?:files:)?(?:\w+:)?//)?.*@", r"\1...@", word)
    word = re.sub(r"(//[^/:\[\]]*):(?!\d{1,5}(?:[/=?#]|\Z))[^/]*", r"\1:...", word)
    return re.sub(r"([?#]).*", r"\1...", word)


def without_secrets(text: str) -> str:
    """Return a setting's text for others to see: no login, and `?` for what is not understood.

    That may be a piece of a password, which may hold what parts words; then a URL
    beside it may be another piece.
    """
    words = _words(text)
    sound = all(map(_is_sound, words))
    return " ".join(_without_login(word) if sound or _is_name(word) else "?" for word in words)


def _is_name(word: str) -> bool:
    return "//" not in word and _is_sound(word)


def _is_sound(word: str) -> bool:
    return word in ("none", "default") or bool(_means(word))


def _without_login(word: str) -> str:
    if "//" not in word:
        return word
    spare = re.match(_SPARE, word)
    urls = spare.groups() if spare else (word.removeprefix("files:"),)
    begins = "files:" if word.startswith("files:") else ""
    return begins + "=".join(spelt(url) or "?" for url in urls)


def _means(word: str) -> list[tuple[str, Source]]:
    """Return (origin or nothing, source) for each source of a word; empty: not understood."""
    spare = re.match(_SPARE, word)
    if spare is not None:
        origin, source = parted(spare[1]), _of_url(spare[2], pages=True)
        return [] if origin is None or source is None else [(origin[0], source)]
    only_files = word.startswith("files:")
    return [("", source) for source in _sources(word.removeprefix("files:"), not only_files)]


def _sources(word: str, pages: bool) -> Iterator[Source]:
    for name in SETS.get(word, (word,)):
        if name in BY_NAME:
            yield of_preset(BY_NAME[name], named=True, pages=pages)
    if word.startswith(("http://", "https://")):
        source = _of_url(word, pages)
        if source is not None:
            yield source


def of_preset(preset: Preset, *, named: bool, pages: bool) -> Source:
    """Return a preset as a source."""
    return Source(
        preset.name, preset.operator, preset.index_url, preset.files, preset.group, named, pages
    )


def preset_of(index_url: str) -> Preset | None:
    """Return the preset whose index this is, however it is written, or None."""
    parsed = parted(index_url)
    for preset in PRESETS:
        if parsed is not None and parsed[0] in (preset.index_url, *preset.aliases):
            return preset
    return None


def _of_url(url: str, pages: bool) -> Source | None:
    parsed = parted(url)
    if parsed is None:
        return None
    index, login = parsed
    preset = preset_of(index)
    if preset is not None:
        return of_preset(preset, named=True, pages=pages)
    place = urlsplit(index).netloc
    return Source(place, place, index, None, place, named=True, pages=pages, login=login)
