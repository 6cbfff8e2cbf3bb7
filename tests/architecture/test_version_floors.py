"""No library is older than the release that mended its last known hole."""

from importlib.metadata import version

import pytest
from packaging.version import Version

FLOORS = {
    "aiosmtpd": "1.4.5",  # CVE-2024-27305
    "celery": "5.2.2",  # CVE-2021-23727
    "django": "5.2.8",  # CVE-2025-64459
    "djangorestframework": "3.15.2",  # CVE-2024-21520
    "joblib": "1.2.0",  # CVE-2022-21797
    "keras": "3.13.2",  # CVE-2026-1462
    "scikit-learn": "1.5.0",  # CVE-2024-5206
    "skops": "0.13",  # CVE-2025-54886
}


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_library_is_at_its_floor(name, floor):
    assert Version(version(name)) >= Version(floor)
