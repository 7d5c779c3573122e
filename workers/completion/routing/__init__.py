"""Whom to ask: the registry's offers, the endpoints behind them, and which of them are well."""
