"""How soon after an outage of its only host does an armed pip finish?

The rule: one host serves index and files on loopback; in the midst of a
download it refuses connections, then accepts and is silent, then answers 503,
then resets, each for a quarter of the outage. What counts is the time from
the end of the outage to the end of pip, and that the bytes are right.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.end_to_end.environments import Environment, environment_of
from tests.end_to_end.interpreters import PIPS, cell_of
from tests.faults import FaultServer, HangUp, NeverAnswer, Reset, Silence, Status, Throttle
from tests.packages import Index

SIZE = 20_000_000
RATE = 5_000_000  # so that the outage meets the download and not only the index


@dataclass(frozen=True)
class Recovery:
    """What came of a run.

    Attributes:
        after: Seconds from the end of the outage to the end of pip.
        returncode: pip's exit code.
        right: Whether the file has the right bytes.
        stderr: What pip and the plugin said.
    """

    after: float
    returncode: int
    right: bool
    stderr: str


def survive(environment: Environment, outage: float) -> Recovery:
    """Let a pip download through an outage of so many seconds."""
    with (
        FaultServer(script=[Throttle(RATE).when("*.whl")]) as server,
        (environment.home / "stderr").open("w+") as log,
    ):
        index = Index(server)
        held = index.add_wheel("demo", "1.0", size=SIZE)
        process = subprocess.Popen(
            [
                *(str(environment.executable), "-m", "pip", "download", "--no-deps"),
                *("--index-url", index.url, "--dest", "out", "demo"),
            ],
            env=environment.environ(armed=True),
            cwd=environment.work,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            server.wait_until(lambda seen: seen.bytes_sent(held.path) > SIZE // 4, timeout=60)
            break_down(server, outage / 4)
            recovered = time.monotonic()
            server.script = []
            returncode = process.wait(timeout=120)
            after = time.monotonic() - recovered
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        got = environment.work / "out" / held.filename
        right = got.exists() and got.read_bytes() == held.content
        return Recovery(after, returncode, right, log.read())


def break_down(server: FaultServer, each: float) -> None:
    """Fail in four ways in turn, each for so many seconds."""
    server.script = [Reset(), HangUp()]
    server.pause_listening(drop=True)
    time.sleep(each)  # noqa: TID251  # the outage itself
    server.script = [Silence(part="headers"), NeverAnswer()]
    server.resume_listening()
    time.sleep(each)  # noqa: TID251
    server.script = [Status(503)]
    time.sleep(each)  # noqa: TID251
    server.script = [Reset(part="headers")]
    time.sleep(each)  # noqa: TID251


def main() -> None:
    """Print a line for each pip."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pip", action="append", metavar="VERSION", help="repeat for several")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the outage")
    arguments = parser.parse_args()
    for pip in arguments.pip or [PIPS[0][0], PIPS[-1][0]]:
        result = survive(environment_of(cell_of(pip)).with_fresh_home(), arguments.seconds)
        verdict = "ok" if result.right and result.after <= 15.0 else "MISSED"
        print(
            f"pip {pip}: outage of {arguments.seconds:.0f} s, done {result.after:.1f} s after it,"
            f" exit code {result.returncode}, right bytes: {result.right}: {verdict}"
        )
        print("  " + "\n  ".join(result.stderr.strip().splitlines()))


if __name__ == "__main__":
    main()
