# SPDX-License-Identifier: 0BSD
# pip install ./tmon (a checkout of T-Mon, or its wheel)
import tmon

tmon.init()  # the DSN is in TMON_DSN

tmon.track(
    url="/cart",
    ip="203.0.113.9",
    useragent="curl/8.5.0",
    status=200,
)
# It is sent from the background; what is left goes when the program ends.
