# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's own secret: given as a setting, or in testing made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .declared import Settings, Stage
from .errors import SettingError

FILE = "secret_key"


def find(settings: Settings) -> str | None:
    """The secret that is set or, in testing, kept in the data folder; None if there is none yet.

    Raises SettingError where a secret is required or the file can't be read.
    """
    if settings.secret_key is not None:
        return settings.secret_key
    if settings.stage is not Stage.TESTING:
        raise SettingError(
            "TMON_SECRET_KEY",
            f"is required in {settings.stage}; make one with: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"',
        )
    file = settings.data / FILE
    try:
        kept = file.read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingError(
            "TMON_SECRET_KEY", f"is not set and {file} can't be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            "TMON_SECRET_KEY", f"is not set and {file} is damaged; restore it from a backup"
        ) from None
    if not kept:
        raise SettingError(
            "TMON_SECRET_KEY", f"is not set and {file} is empty; restore the file or remove it"
        )
    return kept


def ensure(settings: Settings) -> str:
    """The secret; in testing made and kept (mode 0600) if there is none yet.

    Whoever comes second gets what the first one made, whatever the order in time. Raises SettingError, OSError.
    """
    if (kept := find(settings)) is not None:
        return kept
    _write_once(settings.data / FILE, secrets.token_urlsafe(48))
    made = find(settings)
    assert made is not None
    return made


def _write_once(file: Path, content: str) -> None:
    """Put `content` there whole and durably, unless the file exists by then."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink()
