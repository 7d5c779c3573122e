"""What the product keeps in PostgreSQL: one module for each aggregate, its tables first, then its queries."""
