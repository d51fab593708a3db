"""Comparison of methods on one preference oracle: tuning by one rule, learning curves, and tests."""
