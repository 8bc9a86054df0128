"""Operators for what Python itself complains of: each kind of message has its remedies."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator

from flowmill.mutation.calls import wrappable
from flowmill.mutation.checks import entrance, insert
from flowmill.mutation.scene import Scene
from flowmill.mutation.shapes import Change
from flowmill.mutation.values import name

Said = re.Match[str]
Remedy = Callable[[Scene, Said], Iterator[Change]]
_OF_TEXTS = "|".join(method for method in dir(str) if not method.startswith("_"))
_LAZY = r"generator|map|filter|zip|range|reversed|dict_\w+|\w*iterator"
_EMPTY: tuple[ast.expr, ...] = (ast.List([], ast.Load()), ast.Constant(""), ast.Dict([], []), ast.Constant(0))
MOST_PLACES, MOST_PARAMS = 12, 4


def remedies(scene: Scene) -> Iterator[Change]:
    """What the failures' messages ask for, each kind once."""
    done: set[tuple[str, tuple[str | None, ...]]] = set()
    for message in scene.nearby.messages:
        for pattern, remedy in REMEDIES:
            said = pattern.search(message)
            if said is not None and (key := (pattern.pattern, said.groups())) not in done:
                done.add(key)
                yield from remedy(scene, said)


def _converted(wanted: str = "") -> Remedy:
    """A value is made one of the wanted type, or of the one that the message names: where it is used, or for good."""

    def remedy(scene: Scene, said: Said) -> Iterator[Change]:
        kind = wanted or next(group for group in said.groups() if group)
        first = entrance(scene)
        for given in scene.nearby.params[:MOST_PARAMS] if first is not None else ():
            if given in scene.names:
                assert first is not None
                yield insert(scene, "remedy", first, [f"{given} = {kind}({given})"], 1.1)
        for node in _values(scene):
            yield scene.swap("remedy", node, ast.Call(name(kind), [node], []), 1.2)

    return remedy


def _asked(method: str) -> Remedy:
    """A value's own method makes what is wanted of it."""

    def remedy(scene: Scene, _: Said) -> Iterator[Change]:
        for node in _values(scene):
            made = ast.Call(ast.Attribute(node, method, ast.Load()), [], [])
            yield scene.swap("remedy", node, made)

    return remedy


def _values(scene: Scene) -> Iterable[ast.expr]:
    return (node for node in wrappable(scene) if not isinstance(node, ast.Constant))


def _not_none(scene: Scene, _: Said) -> Iterator[Change]:
    """Something empty in place of None."""
    owners = [n.value for n in scene.all(ast.Attribute, ast.Subscript) if isinstance(n.value, ast.Name)]
    places = {id(node): node for node in [*_values(scene), *owners]}
    for node in list(places.values())[:MOST_PLACES]:
        for place, empty in enumerate(_EMPTY):
            yield scene.swap("remedy", node, ast.BoolOp(ast.Or(), [node, empty]), 0.8 - 0.1 * place)


def _paired(scene: Scene, _: Said) -> Iterator[Change]:
    """A loop over pairs, where there are none."""
    loops = [*scene.all(ast.For), *scene.all(ast.comprehension)]
    for over in [loop.iter for loop in loops if isinstance(loop.target, ast.Tuple)]:
        yield scene.swap("remedy", over, ast.Call(ast.Attribute(over, "items", ast.Load()), [], []))
        yield scene.swap("remedy", over, ast.Call(name("enumerate"), [over], []), 0.7)


def _may_be_missing(scene: Scene, _: Said) -> Iterator[Change]:
    """A key that may not be there."""
    for node in scene.all(ast.Subscript):
        if isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
            get = ast.Attribute(node.value, "get", ast.Load())
            yield scene.swap("remedy", node, ast.Call(get, [node.slice], []))
            for place, empty in enumerate(_EMPTY):
                yield scene.swap("remedy", node, ast.Call(get, [node.slice, empty], []), 0.7 - 0.1 * place)


def _called(scene: Scene, _: Said) -> Iterator[Change]:
    """A method that was only named."""
    for node in scene.all(ast.Attribute):
        if isinstance(node.ctx, ast.Load) and scene.places[id(node)].field != "func":
            yield scene.swap("remedy", node, ast.Call(node, [], []))


def _begun(scene: Scene, said: Said) -> Iterator[Change]:
    """A name that has no value on every way to where it is read."""
    first = entrance(scene)
    for place, empty in enumerate(("None", "[]", "0", '""', "{}", "False") if first is not None else ()):
        assert first is not None
        yield insert(scene, "remedy", first, [f"{said[1]} = {empty}"], 1.0 - 0.1 * place)


def _given(scene: Scene, said: Said) -> Iterator[Change]:
    """An argument that a call lacks, where something of its name is there."""
    callee, lacking = said[1].rpartition(".")[2], said[2]
    own = scene.nearby.params[:1]
    ways = [name(lacking)] if lacking in scene.names else []
    ways_of_self = [ast.Attribute(name(own[0]), lacking, ast.Load())] if own in (("self",), ("cls",)) else []
    for node in scene.all(ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        if called == callee or callee == "__init__":
            for value in [*ways, *ways_of_self]:
                given = ast.Call(node.func, node.args, [*node.keywords, ast.keyword(lacking, value)])
                yield scene.swap("remedy", node, given, 1.0 if value in ways else 0.7)


REMEDIES: tuple[tuple[re.Pattern[str], Remedy], ...] = tuple(
    (re.compile(pattern), remedy)
    for pattern, remedy in (
        (r"""concatenate \w+ \(not "?[\w.]+"?\) to (str|list|tuple|bytes)""", _converted()),
        (r"must be (str|int|float|list|tuple|dict), not|expected (str|bytes) instance", _converted()),
        (rf"object has no attribute '(?:{_OF_TEXTS})'", _converted("str")),
        (rf"'(?:{_LAZY}|set|frozenset)' object is not|of type '(?:{_LAZY})' has no len", _converted("list")),
        (r"object does not support item (?:assignment|deletion)", _converted("list")),
        (r"cannot be interpreted as an integer", _converted("int")),
        (r"between instances of '(?:str|int|float)' and '(?:str|int|float)'", _converted("int")),
        (r"unsupported operand type\(s\) for \S+ '(?:str|int)' and '(?:str|int)'", _converted("int")),
        (r"unhashable type: 'list'", _converted("tuple")),
        (r"bytes-like object is required, not 'str'|not str$", _asked("encode")),
        (r"pattern on a bytes-like object|not bytes$", _asked("decode")),
        (r"""(?:assert |\")b['\"].* (?:==|!=) |differ: \[\"b['\"]""", _asked("decode")),
        (r"'NoneType' object|NoneType'? has no len", _not_none),
        (r"values to unpack|cannot unpack non-iterable", _paired),
        (r"^KeyError\b", _may_be_missing),
        (
            r"'(?:builtin_function_or_method|method|function)' object is not|<(?:bound|built-in) method",
            _called,
        ),
        (r"local variable '(\w+)'", _begun),
        (r"([\w.]+)\(\) missing \d+ required (?:positional|keyword-only) arguments?: '(\w+)'", _given),
    )
)
"""What a message is searched for, and what is then proposed."""
