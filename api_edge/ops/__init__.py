"""What operators and probes ask the edge: health, readiness, version, metrics, and the API's own page."""
