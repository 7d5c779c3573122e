"""How much a tenant may ask for: buckets, budgets, reservations, all in Redis and atomic."""
