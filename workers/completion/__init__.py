"""Chat completions: the provider's answer, as our chunks."""
