"""What a prompt says about a function, and how much of it fits a model."""

from __future__ import annotations

from flowmill.context.fit import Fitted, estimate_tokens, fit
from flowmill.context.gather import gather
from flowmill.context.shapes import Context, TestSource

__all__ = ["Context", "Fitted", "TestSource", "estimate_tokens", "fit", "gather"]
