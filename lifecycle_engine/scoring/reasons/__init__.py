"""Why a customer has the score that it has, in words, and what would change it."""
