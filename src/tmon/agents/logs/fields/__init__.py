# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a line of a log, whatever its format: text, times, addresses, requests, numbers."""
