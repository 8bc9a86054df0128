"""Source files, the functions in them, and putting drafts in their place."""

from __future__ import annotations

from flowmill.source.diff import function_diff
from flowmill.source.functions import Function, find, find_functions, function_at, parse_target
from flowmill.source.imports import Merged, merge_imports, module_names
from flowmill.source.splice import Spliced, SpliceError, draft_of, splice, splice_noted
from flowmill.source.text import SourceFile

__all__ = [
    "Function",
    "Merged",
    "SourceFile",
    "SpliceError",
    "Spliced",
    "draft_of",
    "find",
    "find_functions",
    "function_at",
    "function_diff",
    "merge_imports",
    "module_names",
    "parse_target",
    "splice",
    "splice_noted",
]
