"""Arrays in, numbers out: fits, verdicts, intervals and tests. No MDP."""
