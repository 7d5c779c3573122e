"""What is said of tools: their descriptions, what a call tells while it runs, and its result."""
