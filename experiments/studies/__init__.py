"""One result, one file."""
