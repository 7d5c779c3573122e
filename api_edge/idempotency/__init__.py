"""Idempotency-Key: the same POST again is the same job, or the same answer, and nothing is done twice."""
