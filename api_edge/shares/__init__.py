"""Shares: what everybody can read who has the link."""
