"""The schema's history (alembic), and the one way to bring a database to its head."""
