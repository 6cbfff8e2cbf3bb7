"""Settings from the environment, validated once, with errors that name the variable."""

import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parents[2]

#: Their values are shown nowhere.
_SECRETS = {"SECRET_KEY", "ENCRYPTION_KEYS", "HASH_KEY"}


class EnvironmentVariableError(Exception):
    """An environment variable has a value that the engine can't work with."""


def _scheme_in(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        if url and urlsplit(url).scheme not in schemes:
            raise ValueError(
                f"wants a URL that starts with {' or '.join(s + '://' for s in schemes)}"
            )
        return url

    return AfterValidator(check)


def _fernet_keys(keys: str) -> str:
    for number, key in enumerate(keys.split(",") if keys else [], start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(f"key {number} is no Fernet key: 32 bytes in base64") from None
    return keys


def _device_names(names: str) -> str:
    found = names.split(",") if names else []
    if len(set(found)) < len(found) or not all(re.fullmatch(r"[\w-]+", name) for name in found):
        raise ValueError("wants numbers or names of different devices, with commas between: 0,1")
    return names


class Environment(BaseModel):
    """What the engine reads from the environment. Empty means: use the embedded default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    var: Path = Field(default=ROOT / "var", alias="VAR")
    database_url: Annotated[str, _scheme_in("postgresql", "postgres")] = Field(
        default="", alias="DATABASE_URL"
    )
    celery_broker_url: Annotated[
        str, _scheme_in("sqla+postgresql+psycopg", "amqp", "amqps", "redis", "rediss", "memory")
    ] = Field(default="", alias="CELERY_BROKER_URL")
    warehouse_url: Annotated[str, _scheme_in("duckdb", "spark")] = Field(
        default="", alias="WAREHOUSE_URL"
    )
    email_url: Annotated[str, _scheme_in("smtp", "smtps")] = Field(default="", alias="EMAIL_URL")
    default_from_email: str = Field(
        default="Lifecycle Engine <hello@example.com>", alias="DEFAULT_FROM_EMAIL"
    )
    public_url: Annotated[str, _scheme_in("http", "https")] = Field(
        default="http://127.0.0.1:8000", alias="PUBLIC_URL"
    )
    postal_address: str = Field(default="", alias="POSTAL_ADDRESS")
    # Longer than a provider may take to answer: a lease that runs out early makes "unknown".
    outbox_lease_seconds: int = Field(default=120, ge=1, alias="OUTBOX_LEASE_SECONDS")
    secret_key: str = Field(default="", alias="SECRET_KEY")
    # Fernet keys, the newest first, with commas between.
    encryption_keys: Annotated[str, AfterValidator(_fernet_keys)] = Field(
        default="", alias="ENCRYPTION_KEYS"
    )
    # Better on another disk than the database, and in no backup of it.
    erasure_log: Path | None = Field(default=None, alias="ERASURE_LOG")
    hash_key: str = Field(default="", alias="HASH_KEY")
    debug: bool = Field(default=False, alias="DEBUG")
    # Whatever stands before what they wrote in X-Forwarded-For is the client's invention.
    trusted_proxies: int = Field(default=0, ge=0, alias="TRUSTED_PROXIES")
    # None: for ever.
    event_retention_months: int | None = Field(default=None, ge=1, alias="EVENT_RETENTION_MONTHS")
    # None: two for each processor, at most eight.
    web_workers: int | None = Field(default=None, ge=1, alias="WEB_WORKERS")
    # Below the threads of a web process, so that one is left to say that there are too many.
    ingest_waiting_limit: int = Field(default=6, ge=1, alias="INGEST_WAITING_LIMIT")
    gpu_devices: Annotated[str, AfterValidator(_device_names)] = Field(
        default="", alias="GPU_DEVICES"
    )
    # "auto" is for the devices to say (``sdk.devices``).
    gpu_precision: Literal["auto", "float32", "mixed"] = Field(
        default="auto", alias="GPU_PRECISION"
    )
    gpu_xla: Literal["auto", "on", "off"] = Field(default="auto", alias="GPU_XLA")
    tensorboard_dir: Path | None = Field(default=None, alias="TENSORBOARD_DIR")
    allowed_hosts: str = Field(default="127.0.0.1,localhost", alias="ALLOWED_HOSTS")
    engine_now: AwareDatetime | None = Field(default=None, alias="ENGINE_NOW")
    enabled_plugins: str = Field(
        default=(
            "plugins.churn_predictor,plugins.value_estimator,plugins.recommender,"
            "plugins.propensity,plugins.lifecycle_multitask,plugins.persona"
        ),
        alias="PLUGINS",
    )

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL is the one that the project brings along."""
        return not self.database_url

    @property
    def plugins(self) -> list[str]:
        """Dotted names of the plugin packages to load."""
        return [name.strip() for name in self.enabled_plugins.split(",") if name.strip()]

    @property
    def now(self) -> datetime | None:
        """The fixed business time of a demo, or None where time runs."""
        return self.engine_now


def environment_read(variables: Mapping[str, str] | None = None) -> Environment:
    """Read and check the environment.

    Raises:
        EnvironmentVariableError: a variable has a wrong value; the message names it.
    """
    given = os.environ if variables is None else variables
    try:
        return Environment.model_validate({k: v for k, v in given.items() if v != ""})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        message = first["msg"].removeprefix("Value error, ")
        value = "" if name in _SECRETS else f"={given.get(name, '')!r}"
        raise EnvironmentVariableError(
            f"Environment variable {name}{value} is wrong: {message}"
        ) from None
