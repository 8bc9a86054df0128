"""What the tests have said of each function: shown as diagnostics, kept current, watched on save."""
