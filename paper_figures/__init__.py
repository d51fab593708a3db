"""paper_figures."""
