"""Projects: conversations under one instruction."""
