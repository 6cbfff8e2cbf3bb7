"""What customers are going to spend."""
