"""Which names a draft uses without having them, and the imports that bring them."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable

# The names that small models use and forget to import, by the module that has them.
_KNOWN: dict[str, str] = {
    "collections": "Counter ChainMap OrderedDict defaultdict deque namedtuple",
    "collections.abc": "Callable Generator Hashable Iterable Iterator Mapping MutableMapping Sequence Sized",
    "contextlib": "contextmanager suppress",
    "copy": "deepcopy",
    "dataclasses": "dataclass field",
    "datetime": "timedelta timezone",
    "decimal": "Decimal ROUND_HALF_UP",
    "enum": "Enum IntEnum",
    "fractions": "Fraction",
    "functools": "cmp_to_key lru_cache partial reduce wraps",
    "heapq": "heapify heappop heappush nlargest nsmallest",
    "bisect": "bisect_left bisect_right insort",
    "io": "BytesIO StringIO",
    "itertools": "accumulate chain combinations count cycle dropwhile groupby islice permutations product "
    "repeat starmap takewhile tee zip_longest",
    "math": "ceil comb factorial floor gcd inf isclose isqrt log log10 log2 pi sqrt",
    "operator": "attrgetter itemgetter",
    "pathlib": "Path PurePath",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits punctuation",
    "typing": "Any Dict FrozenSet List NamedTuple Optional Set Tuple Type TypeVar Union cast",
}
_FROM = {name: module for module, names in _KNOWN.items() for name in names.split()}
BUILTINS = frozenset(dir(builtins)) | {
    "__class__",
    "__file__",
    "__name__",
    "__doc__",
    "__module__",
    "__qualname__",
}


def bound_names(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name that is bound anywhere in these trees, whatever the scope."""
    names: set[str] = set()
    for node in (n for root in nodes for n in ast.walk(root)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    return names


def used_names(nodes: Iterable[ast.AST]) -> list[str]:
    """Names that are read, in order of first use."""
    used = (
        n.id
        for root in nodes
        for n in ast.walk(root)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )
    return list(dict.fromkeys(used))


def missing_imports(nodes: Iterable[ast.AST], known: Iterable[str]) -> tuple[str, ...]:
    """Import statements for well-known names that the trees use and neither they nor `known` bind."""
    roots = tuple(nodes)
    have = BUILTINS | bound_names(roots) | set(known)
    found: list[str] = []
    attributes = {
        n.value.id
        for root in roots
        for n in ast.walk(root)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    for name in used_names(roots):
        if name in have:
            continue
        if name in _FROM:
            found.append(f"from {_FROM[name]} import {name}")
        elif name in attributes and name in sys.stdlib_module_names:
            found.append(f"import {name}")
        elif name in ("date", "datetime", "time") and name not in attributes:
            found.append(f"from datetime import {name}")
    return tuple(found)
