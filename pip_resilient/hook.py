"""What do we change in pip, and how is it taken back?

The rule: every change made to pip is made here, is checked first, is recorded
when made, and is undone by walking the record backwards. Whatever goes wrong
leaves pip as it was and says so in one line. Others read of pip what they need;
this is the only module that changes it.

Everything that a healthy run may ever need is imported together with this
module, and what only trouble needs at its first sign (`door`): pip 26.3 blocks
later imports once wheels are being installed, 26.1 and 26.2 warn of them, and
build backends lose site-packages.
"""

from __future__ import annotations

import atexit
import contextlib
import encodings.idna  # noqa: F401  # getaddrinfo and ssl use it by name
import logging
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any

from pip_resilient import __version__, children, options, sinks
from pip_resilient.changes import Record, is_sound, with_mixin
from pip_resilient.policy.patience import Limits
from pip_resilient.session.adapter import ResilientAdapter
from pip_resilient.session.run import Clock, Run, Stack
from pip_resilient.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = sinks.logger
LAST_CALL = "pip_resilient.last_call"
BUILDS = "build_env.installer"


class SeamError(Exception):
    """pip is not as we know it at a place that we would change."""


class Hook:
    """Our hold on one copy of pip.

    Args:
        session_module: pip's `network.session`, just imported.
        aside: Tells, and why, that from now on pip runs without us.
    """

    def __init__(self, session_module: Any, aside: Callable[[str], None]) -> None:
        self.module = session_module
        self._aside = aside
        self.prefix = session_module.__name__.rpartition(".network.")[0]
        self.record = Record()
        self.clock = Clock()
        self.began = self.clock.now()
        self.run: Run | None = None
        channel = children.Channel(os.environ)
        self.record.add(channel.withdraw)
        self.closing = sinks.Closing(channel)
        self._classes: dict[tuple[type, bool], type] = {}
        self._builds: Any = None

    def apply(self) -> None:
        """Check the seam and make the first changes.

        Raises:
            SeamError: This pip is not as we know it.
        """
        m = self.module
        session = getattr(m, "PipSession", None)
        if not isinstance(session, type) or not callable(getattr(session, "get_adapter", None)):
            raise SeamError("this pip has no PipSession that we know")
        for owner, name in ((m, "requests"), (m, "urllib3")):
            if not hasattr(owner, name):
                raise SeamError(f"this pip's session module has no {name}")
        self.stack = Stack(m, self._pip("exceptions"), self._pip("models.index").PyPI)
        self.record.wrap(m.PipSession, "__init__", self._session_made)
        self.record.wrap(m.PipSession, "close", self._session_closed)
        self._watch_errors()
        self._answer_last_call()
        self.record.add(lambda: atexit.unregister(self._at_exit))
        atexit.register(self._at_exit)

    def _pip(self, name: str) -> Any:
        """Return one of pip's own modules: `configuration`, `exceptions` or `models.index`."""
        full = f"{self.prefix}.{name}"
        __import__(full)
        return sys.modules[full]

    # Sessions.

    def _session_made(self, wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        try:
            self._enlist(session, made_with_retries=kwargs.get("retries"))
            self._reach_builds()
        except Exception as error:  # fail open
            self.stand_aside(error)
        return result

    def _enlist(self, session: Any, made_with_retries: Any) -> None:
        run = self.run or self._begin_run()
        self._find_state(run, session)
        # pip's look for its own update makes a session that never retries.
        self_check = made_with_retries == 0 and run.limits.retries != 0
        limits = Limits(retries=0) if self_check else run.limits
        adapters = [*session.adapters.values(), getattr(session, "_trusted_host_adapter", None)]
        for adapter in {id(one): one for one in adapters}.values():
            if hasattr(adapter, "poolmanager") and hasattr(adapter, "build_response"):
                self._enlist_adapter(adapter, session, limits)
        if not isinstance(session.adapters.get("https://"), ResilientAdapter):
            raise SeamError("this pip's sessions have no adapters that we know")

    def _find_state(self, run: Run, session: Any) -> None:
        """Find the folder for what is remembered: below pip's cache, or nowhere.

        pip itself has no cache where the folder is not the user's; build
        children get no `--no-cache-dir` from pip (seen up to 26.3) and are told.
        """
        said = run.settings.state_dir
        cache = getattr(getattr(session.adapters.get("https://"), "cache", None), "directory", None)
        if run.state_dir is not None:
            return
        if said and said != "none":
            run.state_dir = os.path.abspath(os.path.expanduser(said))
        elif cache and not said:
            run.state_dir = os.path.join(os.path.dirname(str(cache)), "pip-resilient")
        self.closing.children.tell_state(run.state_dir)

    def _enlist_adapter(self, adapter: Any, session: Any, limits: Limits) -> None:
        manager = adapter.poolmanager
        if not isinstance(getattr(manager, "pool_classes_by_scheme", None), dict):
            raise SeamError("this pip's urllib3 has no pool classes by scheme")
        assert self.run is not None  # noqa: S101  # `_enlist` made it
        plain, retries, pools = type(adapter), adapter.max_retries, manager.pool_classes_by_scheme
        alive = weakref.ref(adapter)

        def undo() -> None:
            pip_adapter = alive()
            if pip_adapter is not None:
                pip_adapter.__class__ = plain
                pip_adapter.max_retries = retries
                pip_adapter.poolmanager.pool_classes_by_scheme = pools
                pip_adapter.poolmanager.clear()
                pip_adapter.proxy_manager.clear()

        self.record.add(undo)
        key = (plain, limits.retries == 0)
        if key not in self._classes:
            self._classes[key] = with_mixin(ResilientAdapter, plain)
        adapter.__class__ = self._classes[key]
        adapter.resilient_run = self.run
        adapter.resilient_limits = limits
        adapter.resilient_session = weakref.ref(session)
        adapter.max_retries = type(retries)(0, read=False)  # ours is the one budget
        self.run.dialer.adopt(manager)

    def _begin_run(self) -> Run:
        self.closing.children.open()
        commands = getattr(sys.modules.get(f"{self.prefix}.commands"), "commands_dict", {})
        said = options.Said(
            self._pip("configuration"), self._pip("exceptions").ConfigurationError, commands
        )
        names = () if said.isolated else tuple(os.environ)
        settings = load(said.look_up, names, said.command, options.in_ci())
        if said.no_cache():
            settings = settings._replace(state_dir="none")
        for problem in settings.problems:
            sinks.say(problem)
        limits = Limits(
            patience=settings.patience,
            offline=min(Limits().offline, settings.patience),
            retry_after_cap=300.0 if options.in_ci() else Limits().retry_after_cap,
            retries=said.retries(),
            deadline_at=None if settings.deadline is None else self.began + settings.deadline,
        )
        logger.debug("pip-resilient %s is on for %s", __version__, self.prefix)
        write = sinks.to_file(settings.log)
        self.run = Run(self.stack, settings, limits, sinks.say, self.stand_aside, write, self.clock)
        self.run.no_index = said.no_index()
        self.closing.proxies = said.proxies
        version = getattr(sys.modules.get(self.prefix.rpartition(".")[0]), "__version__", "")
        self.run.track.made_by = (said.command or "", __version__, str(version))
        self.run.announced = self.closing.children.may_announce(
            logger.isEnabledFor(logging.WARNING)
        )
        for problem in self.run.hear_of_mirrors():
            sinks.say(problem)
        return self.run

    # The Downloader.

    def apply_to_download(self, module: Any) -> None:
        """Wrap the Downloader, so that a file whose bytes fail their hash is fetched once more.

        Raises:
            SeamError: This pip's download module is not as we know it.
        """
        downloader = getattr(module, "Downloader", None)
        if not isinstance(downloader, type) or "__call__" not in vars(downloader):
            raise SeamError("this pip has no Downloader that we know")
        self.record.wrap(downloader, "__call__", self._download)
        if hasattr(module, "BatchDownloader"):  # pip ≤ 25.0
            self.record.wrap(module.BatchDownloader, "__call__", self._download_batch)

    def _download(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        link = args[0] if args else kwargs.get("link")
        run = self.run
        if run is None or run.download.link is not None:  # `batch` calls it for each link
            return wrapped(*args, **kwargs)

        def fetch(again: bool) -> Any:
            with run.downloading(link, again=again):
                return wrapped(*args, **kwargs)

        try:
            return fetch(again=False)
        except run.stack.wrong_bytes as error:
            spoilt = error.spoilt  # type: ignore[attr-defined]
        if spoilt:  # by what an earlier run had left, which is gone now
            with contextlib.suppress(run.stack.wrong_bytes):
                return fetch(again=False)
        return fetch(again=True)

    def _download_batch(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Iterator[Any]:
        links = args[0] if args else kwargs["links"]
        location = args[1] if len(args) > 1 else kwargs["location"]
        for link in links:

            def one(link: Any, location: Any) -> list[Any]:
                return list(wrapped([link], location))

            yield from self._download(one, instance, (link, location), {})

    # Builds.

    def _reach_builds(self) -> None:
        """Let the pip of a build's own virtual environment be reached (venv-isolation, 26.2).

        Nothing of ours is installed there, and pip empties its PYTHONPATH. pip has
        imported this seam before it makes a session, if it has it at all.
        """
        module = sys.modules.get(f"{self.prefix}.{BUILDS}")
        if module is None or module is self._builds:
            return
        self._builds = module
        call = getattr(module, "call_subprocess", None)
        if "extra_environ" in getattr(getattr(call, "__code__", None), "co_varnames", ()):
            self.record.wrap(module, "call_subprocess", self._build_started)
        else:
            sinks.say("builds in virtual environments of their own run without us (pip changed)")

    def _build_started(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        command = args[0] if args else kwargs.get("cmd")
        # Where it is this Python again, it is reached as we were.
        if command and command[0] != sys.executable:
            try:
                from pip_resilient import carrying  # noqa: PLC0415  # few builds need it

                path = carrying.safe_path(os.environ.get("PYTHONPATH"))
                extra = {**(kwargs.get("extra_environ") or {}), "PYTHONPATH": path}
                kwargs = {**kwargs, "extra_environ": extra}
            except Exception as error:  # fail open
                sinks.say(f"this build's own pip runs without us: {error}")
        return wrapped(*args, **kwargs)

    # What the user sees.

    def _watch_errors(self) -> None:
        """Notice whether pip reports an error: its exit code is not ours to see."""
        watch = sinks.Watch(self.closing)
        pips = logging.getLogger(self.prefix.partition(".")[0])
        self.record.add(lambda: pips.removeHandler(watch))
        pips.addHandler(watch)

    def _answer_last_call(self) -> None:
        """Let pip 26.3 import `last_call` before it blocks imports: it asks for such names.

        Of what goes wrong there pip passes over an ImportError alone.
        """
        names = getattr(sys.modules[self.prefix.rpartition(".")[0]], "_EAGER_IMPORTS", None)
        if isinstance(names, set) and is_sound(LAST_CALL.rpartition(".")[2]):
            self.record.add(lambda: names.discard(LAST_CALL))
            names.add(LAST_CALL)

    def _session_closed(self, wrapped: Any, session: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        adapter = session.adapters.get("https://")
        limits = getattr(adapter, "resilient_limits", None)
        if self.run is not None and limits is self.run.limits:  # not pip's look for its own update
            self.closing.session_closed(self.run)
        return result

    def _at_exit(self) -> None:
        if self.run is not None:
            self.closing.tell(self.run)
        self.record.undo()

    def stand_aside(self, error: BaseException) -> None:
        """Take everything back, and say why in one line."""
        self.record.undo()
        logger.debug("pip-resilient: standing aside", exc_info=error)
        self._aside(_why(error))


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, SeamError) else f"{type(error).__name__}: {error}"


_hooks: dict[str, Hook] = {}


def take(module: Any, aside: Callable[[str], None]) -> None:
    """Take a freshly imported seam of pip.

    Args:
        module: `…network.session` or `…network.download`.
        aside: Told if pip has to run without us after all.

    Raises:
        Exception: It is not as we know it; everything is undone by then.
    """
    home, _, seam = module.__name__.rpartition(".network.")
    hook = _hooks.get(home)
    try:
        if seam == "session":
            hook = _hooks[home] = Hook(module, aside)
            hook.apply()
            waiting = sys.modules.get(f"{home}.network.download")
            if waiting is not None and hasattr(waiting, "Downloader"):
                hook.apply_to_download(waiting)
        elif hook is not None:
            hook.apply_to_download(module)
    except Exception:
        if hook is not None:
            hook.record.undo()
        raise


def undo() -> None:
    """Take back every change made to pip."""
    for hook in _hooks.values():
        hook.record.undo()
    _hooks.clear()
