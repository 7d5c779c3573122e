"""HTTP in, jobs out, results back. Nothing else happens here: no provider call, no tool, no file work."""
