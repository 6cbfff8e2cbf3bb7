"""Who is going to order soon."""
