# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules room: by which rule a web service's sessions are made, and what the things are called that are used.

`patterns` knows no Django; the other modules are imported after `tmon.settings.prepare`.

    models          the tables
    entries         an entry of the catalogue, and files of them
    matching        which entry an object of a session is
    scanning        entries that are found in folders
    cataloguing     the catalogue is changed, and read
    patterns        the texts of a rule: patterns of objects, sources
    ruling          rules are set, removed, and brought to whoever makes sessions
"""
