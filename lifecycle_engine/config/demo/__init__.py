"""The demo: a year of a real grocery retailer, from its first event to what December brought."""

from datetime import UTC, datetime

#: The demo's present. Everything before it is history; December 2017 is the future.
NOW = datetime(2017, 12, 1, tzinfo=UTC)
#: Where the data end.
END = datetime(2018, 1, 2, tzinfo=UTC)
#: The source under which the demo's events stand in the log.
SOURCE = "complete-journey"
