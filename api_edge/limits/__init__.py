"""Limits at the edge: what a request costs, what its answer says of what is left, and refusals."""
