"""What each kind of component must be, one module a kind or two; `experiments.catalogue.requirements` is the door."""
