"""Tools for those who write plugins: a beginning, and the conformance suite."""
