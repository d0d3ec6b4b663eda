# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reports the requests that a web application answers, one event each (docs/middleware.md).

`wsgi` and `asgi` are the cores; `flask`, `starlette` and `fastapi` stand on them and know the routes. `django`,
`tornado` and `aiohttp` see more from inside the framework, so they hook in there. Each module imports its own framework
and no other. What a request becomes is said in `recorder`.
"""
