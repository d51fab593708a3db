"""The report: one HTML page that needs nothing else, and LaTeX tables beside it."""
