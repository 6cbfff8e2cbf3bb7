"""What clients are told when more of them come than can be served."""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection

from lifecycle_engine.core.models import Scope
from lifecycle_engine.core.services import api_key_create
from lifecycle_engine.events.models import Event
from lifecycle_engine.events.partitions import partitions_ensure
from lifecycle_engine.events.waiting import WaitingRoom, WaitingRoomFullError
from tests.factories.events import track

PATIENCE = 20


@pytest.mark.django_db(transaction=True)
def test_beyond_the_limit_requests_are_told_to_come_back(live_server, settings):
    settings.INGEST_WAITING_LIMIT = 3
    key = api_key_create(name="shop", scopes=[Scope.EVENTS_WRITE])[1]
    partitions_ensure(months=[datetime(2017, 3, 1, tzinfo=UTC)])
    url = psycopg.conninfo.make_conninfo(
        django_settings.DATABASE_URL, dbname=connection.settings_dict["NAME"]
    )

    def sent(number):
        client = http.client.HTTPConnection(live_server.thread.host, live_server.thread.port)
        body = json.dumps({"batch": [track(str(number))]})
        client.request("POST", "/v1/batch", body, {"Authorization": f"Bearer {key}"})
        answer = client.getresponse()
        told = json.loads(answer.read())
        client.close()
        return answer.status, dict(answer.headers), told

    with psycopg.connect(url) as other, ThreadPoolExecutor(8) as pool:
        # Nobody can write, so that whoever comes has to wait.
        other.execute("LOCK TABLE events_eventreceipt IN ACCESS EXCLUSIVE MODE")
        futures = [pool.submit(sent, number) for number in range(8)]
        deadline = time.monotonic() + PATIENCE
        while sum(future.done() for future in futures) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        refused = [future.result() for future in futures if future.done()]
        other.rollback()
        answers = [future.result(PATIENCE) for future in futures]

    assert sorted(status for status, _, _ in answers) == [200] * 3 + [429] * 5
    for status, headers, told in refused:
        assert (status, headers["Retry-After"], headers["X-RateLimit-Reset"]) == (429, "1", "1")
        assert (told["success"], told["code"]) == (False, "overloaded")
        assert told["message"] == "3 requests wait already, the limit is 3."
    assert Event.objects.count() == 3
    assert [sent(number)[0] for number in range(8)] == [200] * 8
    assert Event.objects.count() == 8


def test_who_leaves_makes_room_whatever_happened():
    room = WaitingRoom()

    with pytest.raises(ZeroDivisionError), room.entered(limit=1):
        raise ZeroDivisionError
    with (
        room.entered(limit=1),
        pytest.raises(WaitingRoomFullError, match="1 requests wait already, the limit is 1"),
        room.entered(limit=1),
    ):
        pass
    with room.entered(limit=1):
        pass
