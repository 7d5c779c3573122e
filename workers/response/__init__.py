"""Responses: each goes on from its last finished step, whoever takes the next one."""
