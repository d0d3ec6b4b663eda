# SPDX-License-Identifier: GPL-3.0-or-later
"""The Django settings that all stages share, made from the declared settings.

Importing this makes and opens nothing; `tmon.settings.prepare` does that before Django starts.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from . import caching, declared, secret_key
from .errors import SettingError
from .paths import shipped
from .startup import ACCOUNTS

TMON = declared.load()
"""The declared settings of this process, for our own rooms."""

try:
    SECRET_KEY = secret_key.find(TMON) or ""
except SettingError:
    # `prepare` has said so before anything is served. Who only looks (`look`) goes on, and Django refuses whatever
    # needs the secret.
    SECRET_KEY = ""
# Django's own debug pages show tracebacks and settings to whoever asks; TMON.debug makes answers say more.
DEBUG = False

_local_hosts = ["localhost", "127.0.0.1", "[::1]"]
_public = urlsplit(TMON.public_url or "")
ALLOWED_HOSTS = [*_local_hosts]
if _public.hostname:
    ALLOWED_HOSTS.append(f"[{_public.hostname}]" if ":" in _public.hostname else _public.hostname)
CSRF_TRUSTED_ORIGINS = [TMON.public_url] if TMON.public_url else []
_encrypted = _public.scheme == "https"

INSTALLED_APPS = [
    "tmon.server.tenants.apps.TenantsConfig",
    "tmon.server.tenants.apps.TmonAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "tmon.server.limits.apps.LimitsConfig",
    "tmon.server.modules.apps.ModulesConfig",
    "tmon.server.dashboard",
]
MIDDLEWARE = [
    "tmon.server.tenants.peers.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tmon.server.dashboard.policy.ContentPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "tmon.server.dashboard.urls"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [shipped("templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tmon.server.dashboard.looks.looks",
            ]
        },
    }
]

_sqlite = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": str(TMON.data / ACCOUNTS),
}
_database: dict[str, Any] = (
    dict(dj_database_url.parse(TMON.database_url)) if TMON.database_url else dict(_sqlite)
)
if _database["ENGINE"] == _sqlite["ENGINE"]:
    # A writer takes its lock when it begins, so that nobody fails half-way through; what is destroyed is overwritten.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON",
    }
else:
    _database["CONN_HEALTH_CHECKS"] = True
_database["CONN_MAX_AGE"] = 60
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = caching.caches(TMON.memcached)
SESSION_ENGINE = caching.session_engine(TMON.memcached)

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/view/dashboard/"
LOGOUT_REDIRECT_URL = "/"

# Guessing passwords: ten failures from one address, in all or for one name, and it waits a quarter of an hour.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["ip_address", ["username", "ip_address"]]
# Axes would forgive an address its failures for every name, so that an account of one's own would buy guesses at
# others without end; `tenants.throttle` forgives those for the name that has logged in.
AXES_RESET_ON_SUCCESS = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "tmon.server.dashboard.pages.too_many_attempts"
AXES_CLIENT_IP_CALLABLE = "tmon.server.tenants.peers.address_of"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _encrypted
CSRF_COOKIE_SECURE = _encrypted
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "tmon.server.dashboard.pages.form_refused"

# How long a link to set a new password holds; it is spent by its use, and by a login meanwhile.
PASSWORD_RESET_TIMEOUT = 24 * 3600

if TMON.email is None:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
else:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = TMON.email.host, TMON.email.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = TMON.email.user, TMON.email.password
    EMAIL_USE_SSL = TMON.email.scheme == "smtps"
    EMAIL_USE_TLS = TMON.email.scheme == "submission"
    EMAIL_TIMEOUT = 10
    DEFAULT_FROM_EMAIL = TMON.email.sender

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# The middleware that finds the client's address removes this header where no trusted proxy sent it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

STATIC_URL = "/static/"
STATICFILES_DIRS = [shipped("static")]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = TMON.debug
# The build puts a hash of the content into these names, so a browser need not ask again.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/built/.+-[0-9A-Z]{8}\.[a-z0-9]+$"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING_CONFIG = None
