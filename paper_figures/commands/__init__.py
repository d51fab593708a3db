"""Commands that draw: one file a command."""
