"""Commands of the events."""
