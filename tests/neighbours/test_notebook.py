"""Does `%pip` of IPython and of a Jupyter kernel heal?

The rule: `%pip` starts the pip of the kernel's own Python, with the kernel's
environment. So the plugin belongs beside the kernel, and `%env PIP_RESILIENT=1` in
a cell switches it on without a restart.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.end_to_end.fetching import DROPS, NEWEST, SIZE, assert_in_pieces, of_pip
from tests.end_to_end.tools import with_beside
from tests.packages import Index

if TYPE_CHECKING:
    from tests.faults import FaultServer

KERNEL = """
import json, sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3")
try:
    for cell in json.loads(sys.argv[1]):
        client.execute_interactive(cell, timeout=90)
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
"""


def test_in_a_kernel(server: FaultServer) -> None:
    """Switched on in a cell, as a user of a hosted notebook has to."""
    index = Index(server)
    held = index.add_wheel("demo", "1.0", size=SIZE)
    server.script = [DROPS]
    magic = f"%pip install --target there --index-url {index.url} demo"
    cells = json.dumps(["%env PIP_RESILIENT=1", magic])
    with with_beside(of_pip(NEWEST), "ipykernel") as environment:
        done = environment.run("python", "-c", KERNEL, cells, armed=False)

        assert (environment.work / "there" / "demo").is_dir(), done.stdout + done.stderr

    assert "pip-resilient: healed" in done.stdout
    assert_in_pieces(server, held)
