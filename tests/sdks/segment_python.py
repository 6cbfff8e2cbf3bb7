"""10,000 events by segment-analytics-python; arguments: write key, host, number of events."""

import sys

from segment.analytics.client import Client

write_key, host, count = sys.argv[1:]
failed = []
client = Client(write_key, host=host, on_error=lambda error, _items: failed.append(error))
for number in range(int(count)):
    client.track(user_id=f"u{number % 97}", event="Seen", properties={"number": number})
client.flush()
client.join()
sys.exit(f"{failed}" if failed else 0)
