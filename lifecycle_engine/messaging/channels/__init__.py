"""The channels that the engine brings along."""
