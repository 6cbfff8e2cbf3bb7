"""Which command lines start the embedded database."""

import pytest

from lifecycle_engine.config.embedded import services


@pytest.mark.parametrize(
    ("line", "starts"),
    [
        ("plugin new next_visit", False),
        ("plugin check", False),
        ("plugin backtest churn.risk --from 2017-06 --to 2017-12", True),
        ("plugin backtest --help", False),
        ("migrate", True),
        ("help", False),
        ("", False),
    ],
)
def test_the_database_is_started_for_whoever_works_with_it(line, starts, monkeypatch):
    started = []
    monkeypatch.setattr(services, "start", lambda: started.append(line))

    services.prepare(line.split())

    assert bool(started) is starts
