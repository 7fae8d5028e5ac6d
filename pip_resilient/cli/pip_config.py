"""Which value comes from where?

The rule: which files this environment's pip reads is asked of pip itself
(`pip config debug`); what stands in them is read as pip reads it, with what set
it. A pip that does not start is replaced by what its documentation says, so
that there is an answer all the same.
"""

from __future__ import annotations

import configparser
import json
import locale
import os
import re
from typing import TYPE_CHECKING

from pip_resilient.policy.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Run = Callable[[Sequence[str]], "tuple[int, str, str]"]

_KINDS = ("global", "user", "site", "env")
"""pip's kinds of files, the weakest first (Configuration, pip 20.3 to 26.3)."""
_SECTIONS = ("global", "install")
_ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}
_TOLD = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host"),
    *("proxy", "no-proxy-env", "cert", "client-cert", "timeout", "retries", "resume-retries"),
    *("cache-dir", "no-cache-dir", "keyring-provider", "use-deprecated"),
)
_PATHS = ("cert", "client-cert", "cache-dir")
"""In these pip itself reads `~` (cli/cmdoptions.py, _path_option_check, pip 20.3 to 26.3)."""
_VARIABLES = (
    *("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
    *("no_proxy", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "PIP_CONFIG_FILE", "PIP_RESILIENT"),
)
_BEGINNING = r"(?:files:)?(?:[A-Za-z][A-Za-z0-9+.-]*:?)?"
"""What may stand before the `//` of a URL, or of one that is mistyped."""
_ASK_PIP = """
import json
from pip import __version__
from pip._internal.models.index import PyPI
from pip._internal.network.session import user_agent
from pip._vendor.requests.certs import where
print(json.dumps([__version__, PyPI.simple_url, where(), user_agent()]))
"""


class Source(Record):
    """What set a value.

    Attributes:
        kind: `environment`, `file`, `argument`, `system`, `built-in` or `default`.
        name: The variable, or the section and the key.
        path: The file.
        level: pip's word for the file: `global`, `user`, `site` or `env`.
    """

    kind: str
    name: str = ""
    path: str = ""
    level: str = ""

    @property
    def said(self) -> str:
        """The source in a few words, for messages."""
        if self.kind == "environment":
            return f"{self.name} in the environment"
        if self.kind == "file":
            return f"{self.name} in {self.path}"
        words = {
            "argument": "the command line",
            "system": "this system's settings",
            "built-in": "built in",
        }
        return words.get(self.kind, "pip's default")


DEFAULT = Source("default")
BUILT_IN = Source("built-in")


class Value(Record):
    """One value and what set it."""

    name: str
    text: str
    source: Source


class PipConfig(Record):
    """pip and its configuration.

    Attributes:
        values: By name: `index-url`, `HTTPS_PROXY`, `resilient-mirrors`.
        version: pip's, or empty.
        index_url: What pip asks where nothing is configured, or empty.
        user_agent: What pip calls itself, or empty.
        ca_bundle: The CA certificates that pip believes where none are configured, or
            empty; those of the system where a distribution has changed pip so.
        broken: Why pip does not start, or empty.
        unreadable: Files that pip cannot read as its configuration.
        keys: The same values by pip's own keys: `:env:.timeout`, `install.timeout`,
            `global.timeout`; a weaker one stands there beside a stronger one.
    """

    values: Mapping[str, Value]
    version: str = ""
    index_url: str = ""
    user_agent: str = ""
    ca_bundle: str = ""
    broken: str = ""
    unreadable: tuple[str, ...] = ()
    keys: Mapping[str, Value] = {}  # a record's default, never written to

    def look_up(self, key: str) -> str | None:
        """Return the value of one of pip's keys, or None; pip's Configuration.get_value."""
        return self.keys[key].text if key in self.keys else None

    def text(self, name: str) -> str:
        """Return a value, empty where nobody set it."""
        return self.values[name].text if name in self.values else ""

    def release(self) -> tuple[int, ...]:
        """Return pip's version in numbers, () where it is not known."""
        return tuple(int(part) for part in re.findall(r"\d+", self.version)[:2])


def read(
    run: Run,
    python: str,
    environ: Mapping[str, str],
    usual: Iterable[tuple[str, str]],
    otherwise: tuple[str, str, str],
) -> PipConfig:
    """Read what configures this environment's pip.

    Args:
        run: Runs a command with a deadline and gives its code, output and errors.
        python: The environment's Python.
        environ: The environment's variables.
        usual: (kind, path) of the files to read if pip does not tell.
        otherwise: Version, default index and CA bundle if pip does not tell.
    """
    (version, index_url, ca_bundle), user_agent, broken = otherwise, "", ""
    code, out, errors = run((python, "-c", _ASK_PIP))
    try:
        version, index_url, ca_bundle, user_agent = json.loads(out)
    except ValueError:
        # One that is only slow, on a small machine, is not broken.
        broken = "" if code < 0 else _last_line(errors) or f"it ended with {code}"
    files = list(usual)
    if user_agent:
        code, out, _ = run((python, "-m", "pip", "config", "debug"))
        files = _files(out) or files
    if environ.get("PIP_CONFIG_FILE") == os.devnull:  # then pip reads none, and lists them all
        files = []
    keys, variables, unreadable = _values(files, environ)
    found = {value.name: value for value in keys.values()}  # the strongest stands last
    values = {**found, **variables}
    return PipConfig(values, version, index_url, user_agent, ca_bundle, broken, unreadable, keys)


def usual_files(environ: Mapping[str, str], prefix: str, windows: bool) -> list[tuple[str, str]]:
    """Return (kind, path) of the files that pip's documentation names.

    Args:
        environ: The environment's variables.
        prefix: The environment's folder.
        windows: Whether this is Windows.
    """
    named = environ.get("PIP_CONFIG_FILE", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    name = "pip.ini" if windows else "pip.conf"
    if windows:
        shared = [os.path.join(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip")]
        own = [os.path.join(home, "pip"), os.path.join(environ.get("APPDATA", home), "pip")]
    else:
        folders = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)
        shared = [*(os.path.join(folder, "pip") for folder in folders), "/etc"]
        config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        own = [os.path.join(home, ".pip"), os.path.join(config, "pip")]
    files = [("global", os.path.join(folder, name)) for folder in shared]
    if not (named and os.path.exists(named)):
        files += [("user", os.path.join(folder, name)) for folder in own]
    files.append(("site", os.path.join(prefix, name)))
    return files + ([("env", named)] if named else [])


def cache_folder(config: PipConfig, environ: Mapping[str, str], platform: str) -> str:
    """Return pip's cache: what is set, else pip's own choice (`utils/appdirs.py`, 20.3 to 26.3).

    Args:
        config: pip's configuration.
        environ: The environment's variables.
        platform: As `sys.platform`.
    """
    said = config.text("cache-dir")
    if said:
        return os.path.abspath(said)
    home = environ.get("HOME") or os.path.expanduser("~")
    if platform == "win32":
        return os.path.join(environ.get("LOCALAPPDATA") or home, "pip", "Cache")
    if platform == "darwin":
        return os.path.join(home, "Library", "Caches", "pip")
    return os.path.join(environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache"), "pip")


def shown(text: str) -> str:
    """Return a value for messages: no login, query or fragment of any URL in it.

    A mirror may be written `ORIGIN=URL`, and a password may hold what parts words.
    """
    return " ".join(_without_login(word) for word in text.split())


def _without_login(word: str) -> str:
    before, slashes, rest = word.partition("//")
    begins = slashes and re.fullmatch(_BEGINNING, before)
    word = before + slashes + rest.rpartition("@")[2] if begins else word.rpartition("@")[2]
    word = re.sub(r"(//[^/:\[\]]*):(?!\d{1,5}(?:[/=?#]|\Z))[^/]*", r"\1", word)
    return re.sub(r"[?#].*", "", word)


def _files(out: str) -> list[tuple[str, str]]:
    """Read `pip config debug`, the same from pip 20.3 to 26.3."""
    found, kind = [], ""
    for line in out.splitlines():
        head = re.match(r"(\w+):\s*$", line)
        file = re.match(r"  (\S.*), exists: (?:True|False)\s*$", line)
        if head is not None:
            kind = head[1]
        elif file is not None and kind in _KINDS:
            found.append((kind, file[1]))
    return found


def _values(
    files: Iterable[tuple[str, str]], environ: Mapping[str, str]
) -> tuple[dict[str, Value], dict[str, Value], tuple[str, ...]]:
    """Return pip's keys, the weakest section first; other variables; what cannot be read."""
    unreadable, parsers = [], []
    for kind, path in sorted(files, key=lambda file: _KINDS.index(file[0])):
        try:
            parser = configparser.RawConfigParser()
            if parser.read(path, encoding=locale.getpreferredencoding(False)):
                parsers.append((kind, path, parser))
        except (configparser.Error, UnicodeDecodeError, OSError):  # noqa: PERF203
            unreadable.append(path)
    keys: dict[str, Value] = {}
    for section in _SECTIONS:  # a command's own section is stronger than any file's [global]
        for kind, path, parser in parsers:
            for key, text in parser.items(section) if parser.has_section(section) else ():
                _set(keys, section, key, text, Source("file", f"{section}.{key}", path, kind))
    for variable, text in environ.items():
        if variable.startswith("PIP_"):
            _set(keys, ":env:", variable[4:], text, Source("environment", variable))
    variables = {
        name: Value(name, text, Source("environment", name))
        for name, text in environ.items()
        if name in _VARIABLES and text and not _is_taken_away(name, environ)
    }
    return keys, variables, tuple(unreadable)


def _is_taken_away(name: str, environ: Mapping[str, str]) -> bool:
    """Tell whether an empty variable in lower case takes one away (getproxies_environment)."""
    return name.endswith("_PROXY") and name != "NO_PROXY" and environ.get(name.lower()) == ""


def _set(keys: dict[str, Value], section: str, key: str, text: str | None, source: Source) -> None:
    name = key.lower().replace("_", "-").lstrip("-")
    name = _ALIASES.get(name, name)
    if text and name in _PATHS:
        text = os.path.expanduser(text)
    if text and (name in _TOLD or name.startswith("resilient-")):
        keys[f"{section}.{name}"] = Value(name, text, source)


def _last_line(errors: str) -> str:
    lines = errors.strip().splitlines()
    return shown(lines[-1])[:200] if lines else ""
