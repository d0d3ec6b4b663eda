# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings pages: of an account under /settings/, of a web service under /view/settings/<wsid>.

They are forms that work without JavaScript. What a form does is done by the functions of `tenants` that the commands
and the administration use too; after a POST that did something, the browser is sent on to a page that it may reload.
"""

from __future__ import annotations
