"""The providers and their models, as a process knows them: read once, and again whenever they change."""
