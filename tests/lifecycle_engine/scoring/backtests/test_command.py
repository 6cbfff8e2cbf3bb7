"""``manage.py plugin backtest``: a table, verdicts and JSON, or a line that says what is wrong."""

import json

import pytest
from django.core.management import CommandError, call_command

from lifecycle_engine.scoring.backtest_models import Backtest

AGAIN = "dummy.again"


def test_it_tells_of_each_month_and_gives_json(shop, dummy, tmp_path, capsys):
    out = tmp_path / "found.json"

    call_command("plugin", "backtest", AGAIN, "--from=2017-11", "--to=2018-01", f"--out={out}")

    told = capsys.readouterr().out
    assert "beats its baseline in 2 of 2 months judged. Not judged: January 2018." in told
    assert "2017-11" in told
    found = json.loads(out.read_text())
    assert (found["scorer"], found["from"], found["to"], found["state"]) == (
        AGAIN, "2017-11", "2018-01", "finished",
    )  # fmt: skip
    assert found["summary"] == {
        "judged": 2,
        "not_judged": 1,
        "new_model": {"better": 2, "worse": 0, "unclear": 0},
        "published": {"better": 2, "worse": 0, "unclear": 0, "baseline_kept": 0},
    }
    assert [month["verdict"] for month in found["months"]] == ["better", "better", None]
    assert found["backtest"] == Backtest.objects.get().pk


def test_without_a_file_the_json_is_all_of_stdout(transactional_db, dummy, capsys):
    call_command("plugin", "backtest", AGAIN, "--from=2017-12", "--to=2017-12")

    heard = capsys.readouterr()
    assert json.loads(heard.out)["months"][0]["state"] == "open"
    assert "No month could be judged." in heard.err


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("churn.nothing", "--from=2017-06", "--to=2017-07"), "No scorer 'churn.nothing'"),
        ((AGAIN, "--from=2017-13", "--to=2017-12"), "from='2017-13' is not a month such as"),
        ((AGAIN, "--from=2017-06", "--to=July"), "to='July' is not a month such as 2017-06"),
        ((AGAIN, "--from=2017-08", "--to=2017-07"), "from=2017-08 is after to=2017-07"),
        ((AGAIN, "--from=2000-01", "--to=2017-07"), "are 211 months; at most 60"),
        (
            (AGAIN, "--from=2017-06", "--to=2017-07", "--out=/nowhere/found.json"),
            "out='/nowhere/found.json': there is no such folder",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_line(dummy, arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("plugin", "backtest", *arguments)

    assert not Backtest.objects.exists()


def test_one_that_is_stopped_says_how_to_go_on(shop, dummy, monkeypatch):
    def stop(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr(dummy.Again, "fit", stop)
    with pytest.raises(CommandError, match="stopped; the same command goes on from there"):
        call_command("plugin", "backtest", AGAIN, "--from=2017-11", "--to=2017-11")

    assert Backtest.objects.get().state == "running"
