"""Studies: one result in each file."""
