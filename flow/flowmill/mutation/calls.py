"""Operators on calls: what is called, with which arguments, and calls that are missing or too many."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from itertools import combinations

from flowmill.mutation.scene import BUILTINS, Scene
from flowmill.mutation.shapes import Change
from flowmill.mutation.values import name

_ALIKE = (
    "min max", "any all", "sorted reversed list", "list tuple set", "int float round", "ceil floor",
    "len sum", "str repr", "zip zip_longest", "isinstance issubclass", "max sum", "heappush heappop",
    "lru_cache cache", "startswith endswith", "lstrip rstrip strip", "append extend add insert appendleft",
    "index find rfind rindex", "pop popleft popitem remove discard", "keys values items",
    "upper lower title capitalize casefold", "get pop setdefault", "split rsplit splitlines",
    "partition rpartition", "union intersection difference", "isdigit isalpha isalnum isnumeric",
    "union update", "issubset issuperset", "ljust rjust center", "search match fullmatch",
    "update setdefault", "removeprefix removesuffix", "combinations permutations product", "start end",
    "group groups", "read readline readlines", "takewhile dropwhile", "sin cos", "dumps loads",
    "encode decode", "sort reverse", "rsplit rpartition", "append extendleft", "count index",
    "isfile isdir exists",
)  # fmt: skip
ALIKE: dict[str, tuple[str, ...]] = {}
for _line in _ALIKE:
    for _word in _line.split():
        ALIKE[_word] = tuple(
            dict.fromkeys([*ALIKE.get(_word, ()), *(w for w in _line.split() if w != _word)])
        )
_WRAPS = (
    "len",
    "abs",
    "int",
    "str",
    "list",
    "sorted",
    "set",
    "tuple",
    "reversed",
    "float",
    "bool",
    "sum",
    "iter",
)
_METHODS = ("strip", "lower", "copy", "items", "keys", "values")
FEW = 4
WAITING = 1.6
"""How much likelier the call that is missing is one of what nothing calls yet."""


def functions(scene: Scene) -> Iterator[Change]:
    """Something else is called: of the same use by common sense, or by the module's own names."""
    local = dict(scene.nearby.functions)
    called = [n.func.id for n in scene.all(ast.Call) if isinstance(n.func, ast.Name)]
    for node in scene.all(ast.Call):
        func = node.func
        if isinstance(func, ast.Attribute):
            for other in ALIKE.get(func.attr, ()):
                made = copy.copy(func)
                made.attr = other
                yield scene.swap("method", func, made)
        elif isinstance(func, ast.Name):
            others = [*ALIKE.get(func.id, ()), *(f for f in dict.fromkeys(called) if f != func.id)]
            if func.id in local:
                others += [f for f, most in local.items() if f != func.id and most == local[func.id]][:FEW]
            known = [
                o for o in dict.fromkeys(others) if o in BUILTINS or o in scene.nearby.bound or o in called
            ]
            for place, other in enumerate(known):
                yield scene.swap("function", func, name(other), 1.0 if place < FEW else 0.5)
        for other in scene.nearby.waiting if isinstance(func, (ast.Name, ast.Attribute)) else ():
            yield scene.swap("function", func, _dotted(other), 0.9)
    for node in scene.all(ast.Name):
        # Functions are handed over, too: `map(min, ...)`.
        for other in ALIKE.get(node.id, ()) if scene.places[id(node)].field != "func" else ():
            if other in BUILTINS and node.id in BUILTINS:
                yield scene.swap("function", node, name(other), 0.8)


def arguments(scene: Scene) -> Iterator[Change]:
    """Other order, one less, one more."""
    local = {**dict(scene.nearby.functions), scene.nearby.name: len(scene.nearby.params)}
    for node in scene.all(ast.Call):
        given = node.args
        for one, two in list(combinations(range(len(given)), 2))[:10]:
            turned = list(given)
            turned[one], turned[two] = turned[two], turned[one]
            yield scene.swap("arguments", node, _call(node, turned))
        for place in range(len(given)) if len(given) > 1 else ():
            left = [arg for n, arg in enumerate(given) if n != place]
            yield scene.swap("arguments", node, _call(node, left), 0.4)
        for place in range(len(node.keywords)):
            made = copy.copy(node)
            made.keywords = [k for n, k in enumerate(node.keywords) if n != place]
            yield scene.swap("arguments", node, made, 0.4)
        if isinstance(node.func, ast.Name) and len(given) < local.get(node.func.id, 0):
            for other in scene.names[:8]:
                yield scene.swap("arguments", node, _call(node, [*given, name(other)]), 0.6)
        yield from _crossed(scene, node)
        yield from _complained(scene, node)


def _crossed(scene: Scene, node: ast.Call) -> Iterator[Change]:
    """Keywords with each other's values, and a method of its argument: `a.find(b)` for `b.find(a)`."""
    for one, two in list(combinations(range(len(node.keywords)), 2))[:6]:
        made = copy.copy(node)
        made.keywords = list(node.keywords)
        first, second = node.keywords[one], node.keywords[two]
        made.keywords[one] = ast.keyword(first.arg, second.value)
        made.keywords[two] = ast.keyword(second.arg, first.value)
        yield scene.swap("arguments", node, made, 0.7)
    if isinstance(node.func, ast.Attribute) and len(node.args) == 1:
        owner = ast.Attribute(node.args[0], node.func.attr, ast.Load())
        turned = ast.Call(owner, [node.func.value], node.keywords)
        yield scene.swap("arguments", node, turned, 0.6)


def _complained(scene: Scene, node: ast.Call) -> Iterator[Change]:
    """`print` that should have gone to the standard error."""
    if not isinstance(node.func, ast.Name) or node.func.id != "print" or "sys" not in scene.nearby.bound:
        return
    if all(keyword.arg != "file" for keyword in node.keywords):
        made = copy.copy(node)
        made.keywords = [
            *node.keywords,
            ast.keyword("file", ast.Attribute(name("sys"), "stderr", ast.Load())),
        ]
        yield scene.swap("arguments", node, made)


def _call(node: ast.Call, given: list[ast.expr]) -> ast.Call:
    made = copy.copy(node)
    made.args = given
    return made


def unwraps(scene: Scene) -> Iterator[Change]:
    """A call that should not be there: `f(x)` to `x`, `x.f()` to `x`."""
    for node in scene.all(ast.Call):
        if isinstance(scene.parent(node), ast.Expr):
            continue
        if isinstance(node.func, ast.Attribute):
            yield scene.swap("unwrap", node, node.func.value, 0.7)
        for place, arg in enumerate(node.args[:3]):
            if not isinstance(arg, ast.Starred):
                likely = 1.0 if len(node.args) == 1 else 0.6
                yield scene.swap("unwrap", node, arg, likely if place == 0 else likely * 0.8)
    for node in scene.all(ast.Starred):
        yield scene.swap("unwrap", node, node.value, 0.4)


def wraps(scene: Scene) -> Iterator[Change]:
    """A call that is missing, of a function that is called nearby or of a common one."""
    near = [f for f in scene.functions if f != scene.nearby.name]
    methods = [
        n.func.attr
        for n in scene.all(ast.Call)
        if isinstance(n.func, ast.Attribute) and not n.args and not n.keywords
    ]
    for node in wrappable(scene):
        for other in scene.nearby.waiting:
            yield scene.swap("wrap", node, ast.Call(_dotted(other), [node], []), WAITING)
        for other in dict.fromkeys([*near, *_WRAPS, scene.nearby.name]):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == other):
                likely = 1.0 if other in near else 0.5
                yield scene.swap("wrap", node, ast.Call(name(other), [node], []), likely)
        for method in dict.fromkeys([*methods, *_METHODS]):
            made = ast.Call(ast.Attribute(node, method, ast.Load()), [], [])
            yield scene.swap("wrap", node, made, 0.8 if method in methods else 0.25)


def _dotted(text: str) -> ast.expr:
    """A name, or one's attribute."""
    owner, _, attribute = text.rpartition(".")
    return ast.Attribute(name(owner), attribute, ast.Load()) if owner else name(text)


def wrappable(scene: Scene) -> Iterator[ast.expr]:
    """Values that go somewhere: returned, assigned, compared, iterated, handed over."""
    for node in scene.all(ast.Name, ast.Call, ast.Subscript, ast.Attribute, ast.BinOp, ast.GeneratorExp):
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        place = scene.places[id(node)]
        holder = place.parent
        fits = isinstance(
            holder, (ast.Return, ast.Assign, ast.Compare, ast.For, ast.comprehension, ast.Call, ast.BinOp)
        )
        if fits and place.field not in ("func", "target", "targets", "ifs") and not _is_class(node):
            yield node


def _is_class(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in BUILTINS


def limits(scene: Scene) -> Iterator[Change]:
    """A missing `min` or `max`, and one that is too many."""
    for node in scene.all(ast.Assign):
        target, value = node.targets[0], node.value
        if isinstance(target, (ast.Name, ast.Subscript, ast.Attribute)) and not isinstance(
            value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.Constant, ast.Tuple)
        ):
            old = copy.copy(target)
            old.ctx = ast.Load()
            for limit in ("max", "min"):
                yield scene.swap("minmax", value, ast.Call(name(limit), [old, value], []))
                yield scene.swap("minmax", value, ast.Call(name(limit), [ast.Constant(0), value], []))
    for node in scene.all(ast.Return):
        if isinstance(node.value, (ast.BinOp, ast.Name, ast.Call)):
            for limit in ("max", "min"):
                for bound in (0, 1):
                    made = ast.Call(name(limit), [ast.Constant(bound), node.value], [])
                    yield scene.swap("minmax", node.value, made, 0.5)
