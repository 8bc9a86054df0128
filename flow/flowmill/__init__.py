"""flowmill writes and repairs Python functions, each draft run against the project's own tests."""

__version__ = "0.1.0"
