"""Whatever has a name on the command line: instances, methods, links and claims."""
