"""What does `python -m pip_resilient` do? The same as `pip-resilient`."""

import sys

from pip_resilient.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
