"""The user's project: its root, its interpreter and the tests that matter for one function."""
