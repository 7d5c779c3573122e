"""What every worker does the same way: claim, deadline, terminal event, dead letters, drain."""
