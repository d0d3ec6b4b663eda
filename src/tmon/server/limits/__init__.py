# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits room: for how long something may be used at a time, who has exceeded that, and who is told.

`matching`, `rule`, `addresses`, `signing` and `webhook` know no Django; the other modules are imported after
`tmon.settings.prepare`.

    models          the tables
    matching        which limit holds for an object
    rule            when a session is over its limit, and when people have been warned of that
    limiting        limits are set, changed, removed
    warned          warnings are written, listed, erased, cleared
    watch           the thread that finds what is over its limit
    destinations    where warnings go
    deliverer       the thread that brings them there
    webhook         one POST to an address that strangers have given; `addresses` says which are allowed
    signing         what receivers know our POSTs by
    messages        what they are told
"""
