"""Conformance checks that a plugin's own tests call in one line each."""
