"""The engine's own conditions, registered exactly as a plugin's are."""
