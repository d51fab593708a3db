"""The full contracts of components that users write: all that the quick checks ask, and what only draws can tell."""
