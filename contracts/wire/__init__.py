"""Public request and answer shapes, one module for each part of the API."""
