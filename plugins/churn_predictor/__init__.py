"""Who is about to stop buying."""
