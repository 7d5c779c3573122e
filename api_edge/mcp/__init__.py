"""The Model Context Protocol, spoken by the official SDK; every call of a tool becomes a job."""
