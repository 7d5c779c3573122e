"""The room that takes media in: looked at, hashed, stored once for their tenant, recorded."""
