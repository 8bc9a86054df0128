"""The change that a run proposes, from its hunks to what the user made of it."""
