"""Media: files come in, and links to them go out."""
