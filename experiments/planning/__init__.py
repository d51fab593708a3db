"""The budget planner: how to spend trajectories and votes."""
