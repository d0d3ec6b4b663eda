# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that watch something and report it with the client: a folder each."""
