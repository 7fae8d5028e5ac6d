"""How does the plugin get into a Python that it is not installed in?

The rule: whoever starts such a Python puts this file's folder first on
PYTHONPATH (`pip-resilient run`, and `hook.py` for builds in environments of
their own). The folder goes off `sys.path` again at once, pip is waited for as
the `.pth` does, and the sitecustomize that would have run without us is run. So
nothing here is found by a program, shadows anything, or is listed by pip.

The plugin and wrapt are read from beside this file, as sources: another Python
cannot use extensions built for ours, and leaves no bytecode of its own there.

Any Python may start this file, also 2.7: its syntax is that of all of them.
"""

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PLUGIN = os.path.dirname(_FOLDER)
_HOME = os.path.dirname(_PLUGIN)
_OURS = (os.path.join(_PLUGIN, ""), os.path.join(_HOME, "wrapt", ""))


class Beside(object):
    """A meta path finder for the plugin, and for those parts of wrapt that the plugin asks for.

    `import wrapt` itself is not answered: a program has its own or has none.
    """

    pip_resilient_carrier = _FOLDER  # `pip-resilient status` looks for it

    def __init__(self):
        from importlib.machinery import (  # noqa: PLC0415  # not there in Python 2
            SOURCE_SUFFIXES,
            FileFinder,
            SourceFileLoader,
        )

        class Reader(SourceFileLoader):
            """Reads what bytecode there is, and writes some only where the user collects it."""

            def set_data(self, path, data, **options):
                if sys.pycache_prefix:
                    SourceFileLoader.set_data(self, path, data, **options)

        self._look_in = lambda folder: FileFinder(folder, (Reader, SOURCE_SUFFIXES))

    def find_spec(self, name, path=None, target=None):
        """Return the spec of one of the plugin's modules, or of a part of its wrapt."""
        if name == "pip_resilient":
            path = [_HOME]
        elif name.partition(".")[0] not in ("pip_resilient", "wrapt"):
            return None
        folders = [one for one in path or () if one == _HOME or (one + os.sep).startswith(_OURS)]
        specs = (self._look_in(folder).find_spec(name) for folder in folders)
        return next((spec for spec in specs if spec is not None), None)


def _arm():
    """Wait for pip, unless the variable says no or the plugin is installed here and waits."""
    on = os.environ.get("PIP_RESILIENT", "").strip().lower() in ("1", "true", "yes", "on")
    waits = any(getattr(finder, "waits_for_pip", False) is True for finder in sys.meta_path)
    if not on or waits or sys.version_info < (3, 9):
        return
    sys.meta_path.insert(0, Beside())
    from pip_resilient import activate  # noqa: PLC0415  # found by what was just put there

    activate.arm()


def _go_off_the_path():
    """Take this folder off the path, and what another Python has compiled out of the folder.

    Where this Python has compiled the plugin itself, it is the one that the
    folder belongs to.
    """
    sys.path[:] = [one for one in sys.path if os.path.abspath(one) != _FOLDER]
    compiled = getattr(globals().get("__spec__"), "cached", None)
    if compiled is None:  # Python 2
        compiled = os.path.join(_FOLDER, "sitecustomize.pyc")
    tag = os.path.basename(compiled).partition(".")[2]
    if os.path.dirname(os.path.dirname(compiled)) not in (_FOLDER, _PLUGIN):
        return  # in the user's own folder for bytecode
    if not os.path.exists(os.path.join(_PLUGIN, "__pycache__", "__init__." + tag)):
        try:
            os.remove(compiled)
            os.rmdir(os.path.dirname(compiled))
        except OSError:  # not written, not ours to remove, or not empty
            return


def _run_the_next():
    """Run the sitecustomize that comes next on the path; its errors are its own."""
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401, PLC0415  # not this file any more
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
    finally:
        # Python 3 looks it up once more when this import ends.
        if ours is not None and "sitecustomize" not in sys.modules:
            sys.modules["sitecustomize"] = ours


try:
    _go_off_the_path()
    _arm()
except Exception as error:
    if sys.stderr is not None:
        sys.stderr.write("pip-resilient: standing aside, pip runs without it (%s)\n" % (error,))
_run_the_next()
