"""What is the least that a build backend has to do?

`BACKEND_SOURCE` is the text of a PEP 517 backend: it takes name and version from
PKG-INFO and writes a wheel with one empty package. The rule: nothing but the
standard library, so that the build needs no more than the index in the test holds.
"""

from __future__ import annotations

BACKEND_SOURCE = """
import email.parser
import pathlib
import zipfile


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    info = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    fields = email.parser.Parser().parsestr(info)
    module = fields["Name"].replace("-", "_")
    directory = "{}-{}.dist-info".format(module, fields["Version"])
    kind = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files = {
        module + "/__init__.py": "",
        directory + "/METADATA": info,
        directory + "/WHEEL": kind,
    }
    record = "".join(path + ",,\\n" for path in [*files, directory + "/RECORD"])
    files[directory + "/RECORD"] = record
    filename = "{}-{}-py3-none-any.whl".format(module, fields["Version"])
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / filename, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return filename


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError
"""
