"""What admins look after: users, their roles, tiers and budgets; providers and models."""
