"""Which public mirrors of PyPI are known, and what is known of them?

The rule: data with a date. A row is here because somebody saw it work lately,
and it is built in (asked without being named) only where its operator is
independent of the others, it keeps PyPI's paths, and there is good evidence
for both. What a mirror serves is believed by its digest alone.

`files` is the prefix under which PyPI's own path follows: `aa/bb/<60 hex>/name`,
the blake2b-256 of the file. Rows of one `group` depend on each other: when one
of them is out of order the others probably are too. That is told to people, who
choose; each host is asked, and left alone, by what it did itself.
"""

from __future__ import annotations

from typing import NamedTuple

DATED = "2026-11-21"
"""When this list was last compared with what operators and users report."""


class Preset(NamedTuple):
    """A public full mirror of PyPI.

    Attributes:
        name: What users call it in `PIP_RESILIENT_MIRRORS`.
        operator: Who runs it, for messages.
        index_url: Its simple index.
        files: What precedes PyPI's own path of a file.
        group: Whose failure is its failure, for people; nothing is decided by it.
        seen: When it was last seen alive, for whoever looks this list through.
        builtin: Whether files of PyPI may be asked of it without naming it.
        weight: How often it is the first of the built-in ones, against the
            others; by what operators of its kind can bear.
        aliases: Further addresses of its index.
        other_files: Further prefixes of its files.
    """

    name: str
    operator: str
    index_url: str
    files: str
    group: str
    seen: str
    builtin: bool = False
    weight: int = 1
    aliases: tuple[str, ...] = ()
    other_files: tuple[str, ...] = ()


PRESETS = (
    Preset(
        "aliyun",
        "Alibaba Cloud",
        "https://mirrors.aliyun.com/pypi/simple/",
        "https://mirrors.aliyun.com/pypi/packages/",
        "aliyun",
        "2026-10-09",
        builtin=True,
        weight=10,
        aliases=("https://mirrors.aliyun.com/pypi/web/simple/",),
        other_files=("https://mirrors.aliyun.com/pypi/web/packages/",),
    ),
    Preset(
        "tencent",
        "Tencent Cloud",
        "https://mirrors.cloud.tencent.com/pypi/simple/",
        "https://mirrors.cloud.tencent.com/pypi/packages/",
        "tencent",
        "2026-10-09",
        builtin=True,
        weight=10,
    ),
    Preset(
        "tuna",
        "Tsinghua University TUNA association",
        "https://pypi.tuna.tsinghua.edu.cn/simple/",
        "https://pypi.tuna.tsinghua.edu.cn/packages/",
        "tuna",
        "2026-10-09",
        builtin=True,
        weight=4,
        aliases=(
            "https://mirrors.tuna.tsinghua.edu.cn/pypi/web/simple/",
            "https://mirrors4.tuna.tsinghua.edu.cn/pypi/web/simple/",
            "https://mirrors6.tuna.tsinghua.edu.cn/pypi/web/simple/",
        ),
        other_files=("https://mirrors.tuna.tsinghua.edu.cn/pypi/web/packages/",),
    ),
    Preset(
        "huawei",
        "Huawei Cloud",
        "https://mirrors.huaweicloud.com/repository/pypi/simple/",
        "https://mirrors.huaweicloud.com/repository/pypi/packages/",
        "huawei",
        "2026-10-09",
        builtin=True,
        weight=6,
        aliases=("https://repo.huaweicloud.com/repository/pypi/simple/",),
        other_files=("https://repo.huaweicloud.com/repository/pypi/packages/",),
    ),
    Preset(
        "sustech",
        "Southern University of Science and Technology",
        "https://mirrors.sustech.edu.cn/pypi/web/simple/",
        "https://mirrors.sustech.edu.cn/pypi/web/packages/",
        "sustech",
        "2026-05-01",
        builtin=True,
        weight=1,
        aliases=("https://mirrors.sustech.edu.cn/pypi/simple/",),
    ),
    Preset(
        "bfsu",
        "Beijing Foreign Studies University, run by the TUNA team",
        "https://mirrors.bfsu.edu.cn/pypi/web/simple/",
        "https://mirrors.bfsu.edu.cn/pypi/web/packages/",
        "tuna",
        "2026-10-09",
    ),
    Preset(
        "ustc",
        "University of Science and Technology of China LUG",
        "https://mirrors.ustc.edu.cn/pypi/simple/",
        "https://mirrors.ustc.edu.cn/pypi/packages/",
        "tuna",
        "2026-10-09",
        aliases=("https://mirrors.ustc.edu.cn/pypi/web/simple/",),
        other_files=("https://mirrors.ustc.edu.cn/pypi/web/packages/",),
    ),
    Preset(
        "sjtu",
        "Shanghai Jiao Tong University LUG",
        "https://mirror.sjtu.edu.cn/pypi/web/simple/",
        "https://mirror.sjtu.edu.cn/pypi-packages/",
        "tuna",
        "2026-10-09",
    ),
    Preset(
        "nju",
        "Nanjing University",
        "https://mirror.nju.edu.cn/pypi/web/simple/",
        "https://mirror.nju.edu.cn/pypi/web/packages/",
        "nju",
        "2026-07-22",
        aliases=("https://mirrors.nju.edu.cn/pypi/web/simple/",),
        other_files=("https://mirrors.nju.edu.cn/pypi/web/packages/",),
    ),
)

BY_NAME = {preset.name: preset for preset in PRESETS}
SETS = {"cn": tuple(preset.name for preset in PRESETS if preset.builtin)}
"""Names for several at once: independent operators in China."""
