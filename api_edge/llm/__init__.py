"""The LLM surface: chat completions and models."""
