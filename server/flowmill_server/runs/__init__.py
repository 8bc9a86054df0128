"""The runs that editors asked for: what each is at, and which one waits for which."""
