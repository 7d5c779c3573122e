"""The local stack: real servers and the product as supervised children, with data under one folder."""
