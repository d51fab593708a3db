"""Statistics of arrays: fits, verdicts, intervals and tests. Nothing here knows of MDPs."""
