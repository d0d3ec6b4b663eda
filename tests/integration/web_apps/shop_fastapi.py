# SPDX-License-Identifier: GPL-3.0-or-later
"""A FastAPI application as it would be deployed: the DSN is in the environment."""

from __future__ import annotations

from fastapi import FastAPI

from tmon.middleware.fastapi import watch

app = FastAPI()
watch(app)


@app.get("/items/{number}")
async def item(number: int) -> str:
    return f"item {number}"
