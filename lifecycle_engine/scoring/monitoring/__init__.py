"""Monitoring: whether models in use still say what comes true, and what is published if not."""
