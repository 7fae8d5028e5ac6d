"""Who may stand in for what, in this environment?

The rule: the table of `mirrors/group.py` is asked about everything that pip
may want here: files and pages of PyPI, and those of each configured index. So
what is told is what would happen. Who is known and not allowed is told too,
with the reason.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pip_resilient.cli import way
from pip_resilient.mirrors.declared import Source, of_preset, preset_of
from pip_resilient.mirrors.group import PYPI, Asked, Group, Situation
from pip_resilient.mirrors.presets import PRESETS
from pip_resilient.policy.index_urls import spelt
from pip_resilient.policy.origins import place_of
from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pip_resilient.cli.pip_config import PipConfig
    from pip_resilient.mirrors.declared import Declared

_PARTICULAR = ("proxy", "cert", "client-cert")
_ANY = "any"


class StandIn(Record):
    """Somebody who may be asked, or could be if he were named.

    Attributes:
        source: Who it is.
        serves: What he may be asked for; none: nothing, unless he is named.
        by: What lets him.
    """

    source: Source
    serves: tuple[str, ...]
    by: str


class StandIns(Record):
    """All of them.

    Attributes:
        pypi: PyPI itself.
        all: Those who may be asked, then those who are only known.
        why_not: Why built-in mirrors are not asked unnamed; empty: they are.
    """

    pypi: Source
    all: tuple[StandIn, ...]
    why_not: str


def stand_ins(config: PipConfig, declared: Declared) -> StandIns:
    """Find out who may be asked.

    Args:
        config: pip's configuration.
        declared: What the user said of mirrors.
    """
    # In which order built-in mirrors are asked is drawn for each user; here it is the list's.
    group = Group(declared, place_of(config.index_url), "", random.Random(0))  # noqa: S311
    indexes = tuple(filter(None, (spelt(url) for url, _ in way.indexes_of(config))))
    particular = any(config.text(name) for name in _PARTICULAR)
    situation = Situation(indexes, way.asks_no_index(config), particular)
    found: dict[str, StandIn] = {}
    for what, asked in _things(group, indexes):
        for source in group.sources(asked, situation):
            known = found.get(source.index_url, StandIn(source, (), _by(source, config)))
            found[source.index_url] = known._replace(serves=(*known.serves, what))
    for preset in PRESETS:
        only_known = StandIn(of_preset(preset, named=False, pages=False), (), "known")
        found.setdefault(preset.index_url, only_known)
    in_list = [preset.index_url for preset in PRESETS]
    ordered = sorted(found.values(), key=lambda one: _order(one, in_list))
    return StandIns(group.pypi, tuple(ordered), _why_not(config, declared, indexes))


def _things(group: Group, indexes: tuple[str, ...]) -> Iterator[tuple[str, Asked]]:
    yield f"files of {PYPI}", Asked("file", "pypi", "", _ANY, _ANY, _ANY)
    for index in indexes:
        page = group.asked(f"{index}{_ANY}/", indexes)
        if page is not None:
            called = PYPI if page.whose == "pypi" else place_of(index)
            yield f"pages of {called}", page
            if called != PYPI:
                path = _ANY if page.whose == "preset" else ""
                yield f"files of {called}", page._replace(what="file", name=_ANY, path=path)


def _order(one: StandIn, in_list: list[str]) -> tuple[bool, bool, int]:
    url = one.source.index_url
    return not one.serves, not one.source.named, in_list.index(url) if url in in_list else -1


def _by(source: Source, config: PipConfig) -> str:
    if source.name == PYPI:
        return "always, for a mirror of its own"
    said = config.values.get("resilient-mirrors")
    return "built in" if not source.named or said is None else f"named: {said.source.said}"


def _why_not(config: PipConfig, declared: Declared, indexes: tuple[str, ...]) -> str:
    said = config.values.get("resilient-mirrors")
    if not declared.default:
        return "the setting does not say default" + (f" ({said.source.said})" if said else "")
    for name in ("no-index", *_PARTICULAR):
        value = config.values.get(name)
        if value is not None and (name != "no-index" or way.asks_no_index(config)):
            return f"{name} is set ({value.source.said})"
    pypi = spelt(config.index_url)
    for index in indexes:
        if index != pypi and preset_of(index.replace("http:", "https:", 1)) is None:
            return f"{place_of(index)} is neither {PYPI} nor a listed mirror of it"
    return "" if indexes else "pip has no index"
