"""Who asks: guest login, bearer tokens, and the documents by which others verify them."""
