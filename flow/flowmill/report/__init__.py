"""What a run's events amount to, in words and as a page."""
