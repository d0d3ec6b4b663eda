# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files of web servers as a source of events.

`formats` has a module per format of lines, `fields` what they share, both without I/O.
"""
