# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of the load generator: `python -m tmon.load`, started by `start`. Prints a Report as JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .generator import run


def main() -> int:
    """Run one load."""
    parser = argparse.ArgumentParser(prog="python -m tmon.load", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("rate", type=float, help="requests a second; 0: as many as are answered")
    parser.add_argument("skip", type=int, help="how many requests of the file to pass over")
    parser.add_argument("most", type=int, help="how many requests to send at most")
    parser.add_argument("grace_s", type=float, help="how long to wait for answers once the time is over")
    try:
        report = run(**vars(parser.parse_args()))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"load generator: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(report.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
