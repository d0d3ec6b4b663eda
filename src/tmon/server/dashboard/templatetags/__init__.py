# SPDX-License-Identifier: GPL-3.0-or-later
"""What templates of this room can do beside what Django brings."""
