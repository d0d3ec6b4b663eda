# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/middleware.md: its blocks run, and it has every setting and name of a secret."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tmon.middleware.masking import SECRET_WORDS
from tmon.middleware.recorder import HEALTH_PATHS, Recorder

TEXT = (Path(__file__).parents[3] / "docs" / "middleware.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
DJANGO = [block for block in BLOCKS if "MIDDLEWARE" in block]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in DJANGO])
def test_a_block_runs_as_it_stands(block: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"{block}\nassert app"], check=True)


def test_the_settings_of_django_are_taken() -> None:
    code = f"""
{DJANGO[0]}
from django.conf import settings
settings.configure(MIDDLEWARE=MIDDLEWARE, TMON=TMON, ROOT_URLCONF="none")
import django
django.setup()
from django.core.handlers.wsgi import WSGIHandler
WSGIHandler()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_every_setting_and_default_is_there() -> None:
    table = re.findall(r"^\| `(\w+)` \|", TEXT.partition("## Settings")[2].partition("##")[0], re.MULTILINE)
    assert set(table) == set(inspect.signature(Recorder).parameters)
    assert all(f"`{path}`" in TEXT for path in HEALTH_PATHS)
    assert all(f"`{word}`" in TEXT for word in SECRET_WORDS if word != "passphrase")
