"""Candidates without a model: a function's body with one small change, the likeliest first."""
