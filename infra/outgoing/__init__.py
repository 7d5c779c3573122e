"""Requests to addresses that users gave: none of them reaches into a private network."""
