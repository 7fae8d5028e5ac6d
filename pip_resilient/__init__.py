"""pip-resilient: the pip that you already have finishes on bad networks.

This file holds the version and imports nothing: every interpreter that is
switched on pays for it at start-up. Start reading at `activate`.
"""

__version__ = "0.1.0"
