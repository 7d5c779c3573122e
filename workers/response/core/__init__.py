"""What is next for a response: pure, so that a step may be decided twice and comes out the same."""
