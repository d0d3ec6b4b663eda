# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tmon.cli`: the same as `tmon`."""

import sys

from . import main

sys.exit(main())
