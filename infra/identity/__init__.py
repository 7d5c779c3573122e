"""Who asks: tokens and keys, without a database and without HTTP."""
