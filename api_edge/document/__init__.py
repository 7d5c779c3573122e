"""What OpenAPI says of every route alike: who may ask, what can go wrong, headers, examples. None by hand."""
