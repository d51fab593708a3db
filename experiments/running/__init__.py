"""Tasks, how they are executed, what keeps their results, and files."""
