"""Templates, outbox, channels, suppression."""
