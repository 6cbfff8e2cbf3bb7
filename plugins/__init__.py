"""Plugins: one folder each; they import ``lifecycle_engine.sdk`` only."""
