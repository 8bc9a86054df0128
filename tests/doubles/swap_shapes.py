"""Functions of many shapes, each with another body, and a way to see what a swap makes of them.

Also run as a script by other interpreters, so it needs nothing but the standard library:
`python swap_shapes.py ORDER` with the child's program, a scratch folder and the swaps in a JSON file.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
import types
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """`old` in the module's text becomes `new`; `probe` is an expression over the module `m`."""

    name: str
    qualname: str
    text: str
    old: str
    new: str
    probe: str
    since: tuple[int, int] = (3, 9)

    @property
    def base(self) -> str:
        return self.text.lstrip("\n")

    @property
    def edited(self) -> str:
        assert self.base.count(self.old) == 1, self.name
        return self.base.replace(self.old, self.new)


STUB = "raise NotImplementedError"
SHAPES = [
    Shape("plain", "f", "\ndef f(x):\n    raise NotImplementedError\n", STUB, "return x + 1", "m.f(2)"),
    Shape(
        "alias_registry_partial", "f",
        """
import functools
REGISTRY = {}
def register(function):
    REGISTRY["f"] = function
    return function
@register
def f(x, y=2):
    return 0
alias = f
bound = functools.partial(f, 3)
""",
        "return 0", "return x * y", "(m.f(2), m.alias(3), m.bound(), m.REGISTRY['f'](5), m.f.__defaults__)",
    ),
    Shape(
        "method", "C.m", "\nclass C:\n    k = 3\n\n    def m(self, x):\n        return None\n\n    def n(self):\n        return self.m(1)\n",
        "return None", "return self.k + x", "(m.C().m(1), m.C().n(), m.C.m.__qualname__)",
    ),
    Shape("staticmethod", "C.m", "\nclass C:\n    @staticmethod\n    def m(x):\n        pass\n", "pass", "return x", "(m.C.m(4), m.C().m(5))"),
    Shape("classmethod", "C.m", "\nclass C:\n    @classmethod\n    def m(cls):\n        pass\nclass D(C):\n    k = 1\n", "pass", "return cls.__name__", "(m.C.m(), m.D.m())"),
    Shape("property", "C.m", "\nclass C:\n    @property\n    def m(self):\n        pass\n", "pass", "return 7", "m.C().m"),
    Shape(
        "setter", "C.m.setter",
        "\nclass C:\n    @property\n    def m(self):\n        return self._m\n    @m.setter\n    def m(self, value):\n        pass\n",
        "        pass", "        self._m = value * 2", "[setattr(c := m.C(), 'm', 4), c.m]",
    ),
    Shape("async", "f", "\nasync def g(x):\n    return x\nasync def f(x):\n    pass\n", "pass", "return await g(x) + 1", "run(m.f(1))"),
    Shape("generator", "f", "\ndef f(n):\n    yield 0\n", "yield 0", "for i in range(n):\n        yield i", "list(m.f(3))"),
    Shape("becomes_generator", "f", "\ndef f(n):\n    raise NotImplementedError\n", STUB, "yield from range(n)", "list(m.f(3))"),
    Shape("no_generator_any_more", "f", "\ndef f(n):\n    yield n\n", "yield n", "return [n]", "m.f(3)"),
    Shape("async_generator", "f", "\nasync def f(n):\n    yield 0\n", "yield 0", "for i in range(n):\n        yield i * i", "run(collect(m.f(3)))"),
    Shape(
        "contextmanager", "f", "\nimport contextlib\n@contextlib.contextmanager\ndef f(log):\n    raise NotImplementedError\ndef use():\n    log = []\n    with f(log) as x:\n        log.append(x)\n    return log\n",
        STUB, "log.append('in')\n    try:\n        yield 1\n    finally:\n        log.append('out')", "m.use()",
    ),
    Shape("lru_cache", "f", "\nimport functools\n@functools.lru_cache(maxsize=None)\ndef f(n):\n    return 0\n", "return 0", "return n if n < 2 else f(n - 1) + f(n - 2)", "(m.f(30), m.f.cache_info().hits > 0)"),
    Shape(
        "cached_property", "C.m", "\nimport functools\nclass C:\n    @functools.cached_property\n    def m(self):\n        pass\n",
        "pass", "return object()", "(lambda c: c.m is c.m)(m.C())",
    ),
    Shape(
        "singledispatch", "_",
        "\nimport functools\n@functools.singledispatch\ndef show(x):\n    return 'any'\n@show.register\ndef _(x: int):\n    return 0\n",
        "return 0", "return f'int {x}'", "(m.show(3), m.show('a'))",
    ),
    Shape(
        "one_of_two_of_a_name", "f", "\nif 1:\n    def f(x):\n        return 'first'\ng = f\ndef f(x):\n    return 'second'\n",
        "return 'first'", "return x", "(m.f(1), m.g(1))",
    ),
    Shape(
        "wraps", "f",
        "\nimport functools\ndef twice(function):\n    @functools.wraps(function)\n    def wrapper(*args, **kwargs):\n        return function(*args, **kwargs), function(*args, **kwargs)\n    return wrapper\n@twice\n@twice\ndef f(x):\n    pass\n",
        "    pass", "    return x", "m.f(1)",
    ),
    Shape(
        "opaque_decorator", "f", "\nclass Deco:\n    def __init__(self, inner):\n        self.inner = inner\n    def __call__(self, *a):\n        return [self.inner(*a)]\n@Deco\ndef f(x):\n    pass\n",
        "pass", "return x", "m.f(1)",
    ),
    Shape(
        "many_arguments", "f",
        "\ndef f(a, /, b, c=[1], *rest, d, e={'k': 2}, **more):\n    pass\n",
        "pass", "return a, b, c, rest, d, e, more", "(m.f(1, 2, d=3), m.f(1, 2, 3, 4, d=5, e=6, z=7), m.f.__kwdefaults__)",
    ),
    Shape(
        "mangled", "C.__m", "\nclass C:\n    __secret = 4\n    def __m(self):\n        return 0\n    def go(self):\n        return self.__m()\n",
        "return 0", "return self.__secret", "m.C().go()",
    ),
    Shape(
        "super_kept", "D.m", "\nclass C:\n    def m(self):\n        return 'C'\nclass D(C):\n    def m(self):\n        return super().m()\n",
        "return super().m()", "return super().m() + 'D'", "m.D().m()",
    ),
    Shape(
        "super_dropped", "D.m", "\nclass C:\n    def m(self):\n        return 'C'\nclass D(C):\n    def m(self):\n        return super().m()\n",
        "return super().m()", "return 'D'", "m.D().m()",
    ),
    Shape(
        "super_new", "D.m", "\nclass C:\n    def m(self, x):\n        return ['C', x]\nclass D(C):\n    def m(self, x):\n        raise NotImplementedError\nclass E(D):\n    k = 1\n",
        STUB, "self = self\n        return super().m(x) + super(D, self).m(2) + [__class__.__name__]", "(m.D().m(1), m.E().m(3))",
    ),
    Shape(
        "super_new_in_init", "A.B.__init__", "\nimport collections\nclass A:\n    class B(collections.OrderedDict):\n        def __init__(self, *args):\n            pass\n",
        "pass", "super().__init__(*args)\n            self.n = len(self)", "(m.A.B([(1, 2)]).n, m.A.B([(1, 2)]))",
    ),
    Shape(
        "super_new_classmethod", "D.m", "\nclass C:\n    @classmethod\n    def m(cls):\n        return cls.__name__\nclass D(C):\n    @classmethod\n    def m(cls):\n        pass\nclass E(D):\n    k = 1\n",
        "pass", "return 'D' + super().m()", "(m.D.m(), m.E.m())",
    ),
    Shape(
        "class_cell_in_comprehension", "C.m", "\nclass C:\n    k = 2\n    def m(self):\n        return 0\n",
        "return 0", "return [__class__.k * i for i in range(3)] + list(map(lambda i: __class__.k, [1]))", "m.C().m()",
    ),
    Shape("comprehensions", "f", "\ndef f(xs):\n    pass\n", "pass", "return {x: [y for y in range(x)] for x in xs}, {x for x in xs}, sum(x for x in xs)", "m.f([1, 2])"),
    Shape("walrus", "f", "\ndef f(xs):\n    pass\n", "pass", "return [y for x in xs if (y := x * 2) > 2], y", "m.f([1, 2])"),
    Shape("lambda_inside", "f", "\ndef f(n):\n    pass\n", "pass", "g = lambda x: x + n\n    return g(1)", "m.f(2)"),
    Shape("recursion", "f", "\ndef f(n):\n    pass\n", "pass", "return 1 if n < 2 else n * f(n - 1)", "m.f(5)"),
    Shape("global_statement", "f", "\nCOUNT = 0\ndef f():\n    pass\n", "pass", "global COUNT\n    COUNT += 2\n    return COUNT", "(m.f(), m.COUNT)"),
    Shape("nonlocal_inside", "f", "\ndef f():\n    pass\n", "pass", "n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    up()\n    return up()", "m.f()"),
    Shape("class_inside", "f", "\ndef f(x):\n    pass\n", "pass", "class A:\n        def m(self):\n            return super().__hash__() is not None, x\n    return A().m()", "m.f(2)"),
    Shape("try_finally_with", "f", "\nimport io\ndef f(x):\n    pass\n", "pass", "try:\n        with io.StringIO('a') as s:\n            return s.read() + x\n    except TypeError as error:\n        return str(error)\n    finally:\n        x = 0", "(m.f('b'), m.f(1))"),
    Shape("except_star", "f", "\ndef f():\n    pass\n", "pass", "try:\n        raise ExceptionGroup('g', [ValueError(1), KeyError(2)])\n    except* ValueError as g:\n        got = len(g.exceptions)\n    except* KeyError:\n        got += 10\n    return got", "m.f()", (3, 11)),
    Shape("match", "f", "\ndef f(x):\n    pass\n", "pass", "match x:\n        case [a, *rest]:\n            return a, rest\n        case {'k': v}:\n            return v\n        case _:\n            return None", "(m.f([1, 2]), m.f({'k': 3}), m.f(4))", (3, 10)),
    Shape("type_parameters", "f", "\ndef f[T](x: T) -> list[T]:\n    return [T.__name__]\n", "return [T.__name__]", "return [x, T.__name__]", "m.f(2)", (3, 12)),
    Shape("type_parameters_dropped", "f", "\ndef f[T](x: T) -> list[T]:\n    return [T.__name__]\n", "return [T.__name__]", "return [x]", "m.f(2)", (3, 12)),
    Shape("one_line", "f", "\ndef f(x): return 0\n", "return 0", "return x; x = 2", "m.f(2)"),
    Shape("tabs", "C.f", "\nclass C:\n\tdef f(self, x):\n\t\treturn 0\n", "return 0", "if x:\n\t\t\treturn x", "m.C().f(2)"),
    Shape("strings_at_the_margin", "C.f", "\nclass C:\n    def f(self):\n        return 0\n", "return 0", 'return """a\n  b\nc"""', "m.C().f()"),
    Shape("future_annotations", "f", "\nfrom __future__ import annotations\ndef f(x):\n    pass\n", "pass", "def g(y: nowhere) -> nothing: return y\n    return g.__annotations__, g(x)", "m.f(2)"),
    Shape("annotated_signature", "f", "\nimport typing\ndef f(x: int, y: typing.Optional[str] = None) -> int:\n    pass\n", "pass", "z: int = x\n    return z", "(m.f(2), sorted(m.f.__annotations__))"),
    Shape("docstring", "f", '\ndef f(x):\n    "Old."\n    return 0\n', '"Old."\n    return 0', '"""New.\n\n    More.\n    """\n    return x', "(m.f(2), m.f.__doc__.split())"),
    Shape("docstring_gone", "f", '\ndef f(x):\n    "Old."\n    return 0\n', '"Old."\n    return 0', "return x", "(m.f(2), m.f.__doc__)"),
    Shape("imports", "f", "\nimport os\n\ndef f(x):\n    return 0\n\ndef g():\n    return f(3)\n", "import os\n\ndef f(x):\n    return 0", "import os\nimport math\nfrom collections import Counter as Bag, OrderedDict\n\ndef f(x):\n    return math.pi, Bag([x]), OrderedDict()", "(m.f(2), m.g(), 'Bag' in vars(m))"),
    Shape("helpers", "f", "\nLIMIT = 3\n\n# What f does.\ndef f(x):\n    return 0\n", "# What f does.\ndef f(x):\n    return 0", "_TABLE = {1: LIMIT}\n\n\ndef _helper(x, limit=LIMIT):\n    return _TABLE.get(x, limit)\n\n\nclass _Box:\n    size: int = LIMIT\n\n\n# What f does.\ndef f(x):\n    return _helper(x), _Box.size", "(m.f(1), m.f(9), m._helper.__qualname__)"),
    Shape("helper_for_method", "C.m", "\nimport re\n\nclass C:\n    x = 1\n\n    def m(self):\n        return 0\n\n    y = 2\n", "class C:\n    x = 1\n\n    def m(self):\n        return 0", "def _helper(x):\n    return [x]\n\n\nclass C:\n    x = 1\n\n    def m(self):\n        return _helper(self.y)", "m.C().m()"),
    Shape(
        "closure", "outer.inner", "\ndef outer(a, b):\n    c = a + b\n    def inner(x):\n        return a, c\n    return inner\nmade = outer(1, 2)\n",
        "return a, c", "return a * c * x", "(m.made(5), m.outer(3, 4)(5))",
    ),
    Shape(
        "closure_with_fewer", "outer.inner", "\ndef outer(a, b):\n    def inner(x):\n        return a, b\n    return inner\nmade = outer(1, 2)\n",
        "return a, b", "return [b] * x", "(m.made(2), m.outer(3, 4)(2))",
    ),
    Shape(
        "nonlocal", "outer.inner", "\ndef outer():\n    n = 0\n    def inner():\n        nonlocal n\n        n += 1\n        return n\n    return inner\nmade = outer()\n",
        "n += 1", "n += 10", "(m.made(), m.made(), m.outer()())",
    ),
    Shape(
        "method_of_local_class", "make.C.m", "\ndef make(k):\n    class C:\n        def m(self):\n            return k, __class__.__name__\n    return C\nMade = make(1)\n",
        "return k, __class__.__name__", "return __class__.__name__ * k", "(m.Made().m(), m.make(2)().m())",
    ),
    Shape(
        "deep", "C.m.one.two", "\nclass C:\n    __k = 5\n    def m(self, a):\n        def one(b):\n            def two(c):\n                return a, b, self\n            return two\n        return one(2)\n",
        "return a, b, self", "return a + b + c + self.__k", "m.C().m(1)(3)",
    ),
    Shape("generic_class", "C.m", "\nclass C[T]:\n    def m(self, x: T) -> T:\n        pass\n", "pass", "return x", "m.C().m(2)", (3, 12)),
    Shape("generic_around", "outer.inner", "\ndef outer[T](x: T):\n    def inner[U](y: U):\n        return T.__name__, U.__name__\n    return inner\n", "return T.__name__, U.__name__", "return U.__name__, T.__name__, y", "m.outer(1)(2)", (3, 12)),
    Shape(
        "slots", "C.m", "\nimport dataclasses\n@dataclasses.dataclass(slots=True)\nclass C:\n    x: int\n    def m(self):\n        return 0\n",
        "return 0", "return self.x", "m.C(4).m()", (3, 10),
    ),
    Shape(
        "types_coroutine", "f", "\nimport types\n@types.coroutine\ndef f(x):\n    yield from ()\n    return 0\nasync def g():\n    return await f(2)\n",
        "return 0", "return x", "run(m.g())",
    ),
    Shape("calls_of_imported_names", "f", "\nimport os\nif 1:\n    from collections import OrderedDict as Odd\ndef f(x):\n    return os.path.join(x, os.fspath(x)), Odd.fromkeys('ab')\n", "return os", "return 0, os", "m.f('a')"),
    Shape("exec_order", "f", "\ndef f(x):\n    pass\nf.extra = 1\n", "pass", "return f.extra + x", "m.f(2)"),
    Shape("crlf", "f", "\ndef f(x):\r\n    return 0\r\n\r\ny = 2\r\n", "return 0", "z = x\r\n    return z", "m.f(2)"),
    Shape("no_newline_at_end", "f", "\ndef f(x):\n    return 0", "return 0", "return x\n", "m.f(2)"),
]  # fmt: skip


async def _collect(things: Any) -> list[Any]:
    return [thing async for thing in things]


def _run(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for something")


def load(name: str, path: str, text: str) -> types.ModuleType:
    """A module of this text under this name, in the place of any other of that name."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def probe(shape: Shape, module: types.ModuleType) -> str:
    """What the shape's expression gives, or the error that it raises."""
    try:
        return repr(eval(shape.probe, {"m": module, "run": _run, "collect": _collect}))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def swapped(
    shape: Shape, wire: dict[str, Any], folder: str, child: types.ModuleType, watch: types.ModuleType
) -> tuple[str, str, str]:
    """Import the shape, swap, and compare: the refusal, and what the swapped and a new import give."""
    name = f"flowmill_shape_{shape.name}"
    path = os.path.join(folder, f"{name}.py")
    wire = {**wire, "file": path}
    try:
        module = load(name, path, shape.base)
        text = shape.base.replace("\r\n", "\n")
        spans = watch.find_spans(text, wire["qualname"])
        index = child.Index.build(path, shape.qualname, spans)
        refused = child.apply(wire, index)
        if refused:
            return refused, "", ""
        child.show(wire, index, text)
        first = child.span(wire)[0]
        draft = [f for f in index.functions if f.__code__.co_firstlineno == first][:1]
        told = [probe(shape, module), *(inspect.getsource(function).rstrip() for function in draft)]
        fresh = load(name, os.path.join(folder, "fresh", f"{name}.py"), shape.edited)
        return (
            "",
            repr(told),
            repr([probe(shape, fresh), *[wire["function"]["text"].rstrip() for _ in draft]]),
        )
    finally:
        sys.modules.pop(name, None)


def main(order: str) -> None:
    """Swap every shape that the order has a swap for; print what came out as JSON."""
    with open(order, encoding="utf-8") as file:
        asked = json.load(file)
    sys.path.insert(0, asked["program"])
    child, watch = (importlib.import_module(f"flowmill_child.{name}") for name in ("swap", "watch"))
    told = {
        shape.name: swapped(shape, asked["swaps"][shape.name], asked["folder"], child, watch)
        for shape in SHAPES
        if shape.name in asked["swaps"] and sys.version_info >= shape.since
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
