"""What a response is made of, wherever it is made or shown: its turns, items, events, and the object itself.

a turn's chunks ──fold──▶ events of its items, for the client, and its outcome, for the database
"""
