"""The outside world: one adapter for each concern."""
