"""One network for what happens along a customer's life: acquired, activated, retained, buying."""
