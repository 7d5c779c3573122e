"""What is done the same way for every request: ids, limits, errors, paths."""
