# SPDX-License-Identifier: 0BSD
"""Reports one event to T-Mon. Its client comes with: pip install ./tmon (a checkout, or a wheel)."""

import tmon

tmon.init()  # the DSN is in TMON_DSN

tmon.track(
    url="/cart",
    ip="203.0.113.9",
    useragent="curl/8.5.0",
    status=200,
)
# It is sent from the background; what is left goes when the program ends.
