"""What customers are going to buy next."""
