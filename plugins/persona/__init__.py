"""Personas: customers who behave alike, found without being told what to look for."""
