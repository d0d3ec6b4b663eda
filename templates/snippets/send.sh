# SPDX-License-Identifier: 0BSD
# tmon comes with: pip install ./tmon (a checkout of T-Mon, or its wheel)
echo '{"url": "/cart", "ip": "203.0.113.9", "useragent": "curl/8.5.0", "status": 200}' | tmon send
