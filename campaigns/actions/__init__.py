"""The actions that the product brings along, registered exactly as a plugin's are."""
