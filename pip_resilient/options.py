"""What did the user say to pip itself: on its command line and in its configuration?

The rule: only looked at, never changed; what cannot be understood counts as
not said, since pip complains of it in its own words.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Said:
    """What the user said to one copy of pip.

    Args:
        configuration: pip's `configuration` module.
        missing: pip's ConfigurationError.
        commands: pip's commands, by name, as far as they are known.
    """

    def __init__(
        self, configuration: Any, missing: type[Exception], commands: Mapping[str, object]
    ) -> None:
        self.isolated = "--isolated" in sys.argv
        self.command = next((word for word in sys.argv[1:] if word in commands), None)
        loaded = configuration.Configuration(isolated=self.isolated)
        loaded.load()
        self._loaded = loaded
        self._get: Callable[[str], Any] = loaded.get_value
        self._missing = missing

    def look_up(self, key: str) -> str | None:
        """Return a value of pip's configuration, such as `global.timeout`, or None.

        `Configuration.get_value` is the same in pip 20.3 to 26.3; `items` is not.
        """
        try:
            return str(self._get(key))
        except self._missing:
            return None

    def no_index(self) -> bool:
        """Tell whether pip was told to use no index."""
        sections = (":env:", self.command, "global")
        said = [self.look_up(f"{section}.no-index") for section in sections]
        yes = ("1", "true", "yes", "on", "y", "t")  # as pip's own strtobool
        told = any((one or "").strip().lower() in yes for one in said)
        return told or _has("--no-index", "--no-ind")

    def no_cache(self) -> bool:
        """Tell whether pip was told to keep nothing.

        In the configuration any value says so, `false` too (pip 20.3 to 26.3,
        cli/cmdoptions.py, `_handle_no_cache_dir`).
        """
        sections = (":env:", self.command, "global")
        said = [self.look_up(f"{section}.no-cache-dir") for section in sections]
        return any(said) or _has("--no-cache-dir", "--no-ca")

    def retries(self) -> int | None:
        """Return what `--retries` says, None if nobody said anything."""
        said = on_command_line("--retries", "--ret")
        for section in (":env:", self.command, "global"):
            if said is None and section:
                said = self.look_up(f"{section}.retries")
        try:
            return None if said is None else max(0, int(said))
        except ValueError:
            return None

    def proxies(self, scheme: str) -> dict[str, str]:
        """Return the proxies that are set for a scheme, by what sets each, in words for people.

        The strongest stands first, as it is since pip 22.3: pip's own option, then
        the variables as requests reads them. The files are those that pip's
        Configuration has read (`_parsers`, 20.3 to 26.3, the strongest last);
        without it the key alone is named.
        """
        said = on_command_line("--proxy", "--prox")
        found = {} if said is None else {"--proxy": said}
        found.update(_of_environment("PIP_PROXY"))
        for section in filter(None, (self.command, "global")):
            for path, text in self._in_files(section, "proxy"):
                found[f"{section}.proxy in {path}"] = text
            anywhere = self.look_up(f"{section}.proxy")
            if anywhere is not None and anywhere not in found.values():
                found[f"{section}.proxy in pip.conf"] = anywhere
        for name in (f"{scheme}_proxy", "all_proxy"):
            found.update(_of_environment(name))
            found.update(_of_environment(name.upper()))
        return found

    def _in_files(self, section: str, name: str) -> Iterator[tuple[str, str]]:
        for parsers in reversed(list(getattr(self._loaded, "_parsers", {}).values())):
            for path, parser in reversed(parsers):
                if parser.has_option(section, name):
                    yield str(path), str(parser.get(section, name))


def _has(name: str, shortest: str) -> bool:
    return any(is_spelt(word, name, shortest) for word in sys.argv)


def _of_environment(name: str) -> dict[str, str]:
    return {f"{name} in the environment": os.environ[name]} if os.environ.get(name) else {}


def on_command_line(name: str, shortest: str) -> str | None:
    """Return an option's last value on the command line, or None.

    Args:
        name: The option, `--retries` for instance.
        shortest: The first letters that no other option begins with; optparse
            takes any beginning that is at least that long.
    """
    value = None
    for index, word in enumerate(sys.argv):
        option, joined, text = word.partition("=")
        if not is_spelt(option, name, shortest):
            continue
        if joined:
            value = text
        elif index + 1 < len(sys.argv):
            value = sys.argv[index + 1]
    return value


def is_spelt(word: str, name: str, shortest: str) -> bool:
    """Tell whether a word is an option, whole or shortened; arguments as above."""
    return word.startswith(shortest) and name.startswith(word)


def in_ci() -> bool:
    """Tell whether this is a CI run, where nobody waits at the terminal."""
    return os.environ.get("CI", "").strip().lower() not in ("", "0", "false", "no", "off")
