"""The rule language, membership, lifecycle stages."""
