# SPDX-License-Identifier: GPL-3.0-or-later
"""The server: everything between a sealed envelope and an answer."""
