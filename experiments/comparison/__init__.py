"""Methods on one preference oracle: one rule of tuning, learning curves, tests."""
