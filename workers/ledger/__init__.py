"""Folds events into the ledger: job states, timelines, usage."""
