# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store on Apache CouchDB 3.x stands on: its address, its nodes, its databases and documents."""
