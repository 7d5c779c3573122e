"""Jobs of every kind: where one stands, and how it is told to stop."""
