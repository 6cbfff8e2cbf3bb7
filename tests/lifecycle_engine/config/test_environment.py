"""The environment is read once and wrong values are named."""

import subprocess
import sys
from pathlib import Path

import pytest

from lifecycle_engine.config.environment import ROOT, EnvironmentVariableError, environment_read


def test_empty_environment_means_embedded_services():
    environment = environment_read({})

    assert environment.embedded
    assert environment.var == ROOT / "var"
    assert environment.now is None
    assert environment.plugins == [
        "plugins.churn_predictor",
        "plugins.value_estimator",
        "plugins.recommender",
        "plugins.propensity",
        "plugins.lifecycle_multitask",
        "plugins.persona",
    ]


def test_a_wrong_key_is_named_and_not_shown():
    with pytest.raises(EnvironmentVariableError, match=r"ENCRYPTION_KEYS is wrong.*key 2") as error:
        environment_read({"ENCRYPTION_KEYS": f"{'A' * 43}=,hush"})

    assert "hush" not in str(error.value)


def test_empty_value_means_unset():
    assert environment_read({"DATABASE_URL": "", "ENGINE_NOW": ""}) == environment_read({})


@pytest.mark.parametrize(
    ("name", "value", "wants"),
    [
        ("DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("CELERY_BROKER_URL", "kafka://localhost", "amqp://"),
        ("WAREHOUSE_URL", "snowflake://x", "duckdb://"),
        ("EMAIL_URL", "http://localhost", "smtp://"),
        ("ENGINE_NOW", "2017-12-01T00:00:00", "timezone"),
        ("DEBUG", "perhaps", "boolean"),
        ("TRUSTED_PROXIES", "-1", "greater than or equal to 0"),
        ("TRUSTED_PROXIES", "10.0.0.1", "integer"),
        ("GPU_DEVICES", "0,,1", "0,1"),
        ("GPU_DEVICES", "0,0", "different devices"),
        ("GPU_PRECISION", "bfloat16", "'auto', 'float32' or 'mixed'"),
        ("GPU_XLA", "true", "'auto', 'on' or 'off'"),
    ],
)
def test_wrong_value_is_refused_by_name(name, value, wants):
    with pytest.raises(EnvironmentVariableError) as refusal:
        environment_read({name: value})

    assert f"Environment variable {name}={value!r} is wrong" in str(refusal.value)
    assert wants in str(refusal.value)


def _manage(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "VAR": str(tmp_path / "var"), **variables}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", "check"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_command_with_a_wrong_variable_ends_with_one_line_that_names_it(tmp_path):
    result = _manage(tmp_path, DATABASE_URL="oracle://localhost/x")

    assert result.returncode == 1
    assert result.stderr.strip().startswith("Environment variable DATABASE_URL='oracle://")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "var").exists()


def test_secret_key_is_required_with_a_database_of_ones_own(tmp_path):
    result = _manage(tmp_path, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")

    assert result.returncode == 1
    assert "SECRET_KEY is not set" in result.stderr
    assert "Traceback" not in result.stderr
