"""Holds records that wait for their next attempt, and gives them back to their job topic when it is due."""
