"""The command line: one module a command, and three ways to show a run."""
