"""How likely customers are to do something soon."""
