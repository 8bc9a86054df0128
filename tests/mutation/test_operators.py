"""What the operators make of small bodies: text in, texts out."""

from __future__ import annotations

import pytest

from flowmill.mutation.nearby import Nearby
from flowmill.mutation.plan import changes
from flowmill.mutation.shapes import Kind
from flowmill.mutation.suspicion import Tracebacks


def made(body: str, *params: str, kind: Kind | None = None, **nearby: object) -> list[str]:
    """All bodies that the operators make of this one, the likeliest first."""
    around = Nearby(name="f", params=params, **nearby)  # pyright: ignore[reportArgumentType]
    proposed = changes(body, around, Tracebacks())
    texts = [change.write() for change in proposed if kind in (None, change.kind)]
    return [text for text in texts if text is not None]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("operator", "return a - b", ["return a + b", "return a % b"]),
        ("operator", "n ^= n - 1", ["n &= n - 1", "n |= n - 1", "n ^= n + 1"]),
        ("operator", "return a * b + 1", ["return a + b + 1", "return a ** b + 1", "return a * b - 1"]),
        ("operator", "return a + b + c", ["return a - b + c", "return (a + b) * c"]),
        ("operator", "return -a", ["return a"]),
        ("operands", "return a + b", ["return b + a"]),
        ("operands", "return (a,  b)", ["return b, a"]),
        ("comparison", "return a < b", ["return a <= b", "return a > b"]),
        ("negation", "if a is None:\n    return b", ["if a is not None:\n    return b"]),
        ("negation", "if not a:\n    return b", ["if a:\n    return b"]),
        ("negation", "while f(a):\n    pass", ["while not f(a):\n    pass"]),
        ("logic", "return a and (b or c)", ["return a or (b or c)", "return a and (b and c)"]),
        ("simplify", "return a or b", ["return a", "return b"]),
        ("off by one", "return a[1]", ["return a[2]", "return a[0]"]),
        ("off by one", "return range(a)", ["return range(a + 1)", "return range(a - 1)"]),
        ("off by one", "return a[b:c]", ["return a[b + 1:c]", "return a[b:c - 1]"]),
        ("off by one", "return a[b, c]", ["return a[b - 1, c]", "return a[b, c + 1]"]),
        ("flag", "return True", ["return False"]),
        ("variable", "return a.x + b.x", ["return b.x + b.x", "return a.x + a.x"]),
        ("arguments", "return g(a, b)", ["return g(b, a)", "return g(a)"]),
        ("arguments", "return a.find(b)", ["return b.find(a)"]),
        ("function", "return min(a)", ["return max(a)"]),
        ("method", "return a.lstrip()", ["return a.rstrip()"]),
        ("attribute", "return a.x, a.y", ["return a.y, a.y", "return a.x, a.x"]),
        ("index", "return a[b, c]", ["return a[c, b]"]),
        ("index", "return a[b][c]", ["return a[c][b]"]),
        ("slice", "return a[b:]", ["return a[:b]"]),
        ("slice", "return f(a)", ["return f(a[1:])", "return f(a[::-1])"]),
        ("container", "return []", ["return [[]]", "return None"]),
        ("simplify", "return {'a': 1, **b}", ["return {'a': 1}", "return {**b}"]),
        ("minmax", "a = a + b", ["a = max(0, a + b)", "a = min(a, a + b)"]),
        ("unwrap", "return sorted(a)", ["return a"]),
        ("wrap", "b = g(a)\nreturn b", ["b = g(a)\nreturn g(b)"]),
        ("condition", "while True:\n    a()", ["while a:\n    a()"]),
        ("condition", "return a.b is None", ["return a is None or a.b is None"]),
        ("condition", "if a < 0:\n    return b", ["if a < 0 or not b:\n    return b"]),
        (
            "condition",
            "if a.b:\n    return c",
            ["if a is None or a.b:\n    return c", "if a is not None and a.b:\n    return c"],
        ),
        ("condition", "return b or len(a) == 0", ["return b or hasattr(a, '__len__') and len(a) == 0"]),
        (
            "condition",
            "return b if not len(a) else c",
            ["return b if not (hasattr(a, '__len__') and len(a)) else c"],
        ),
        (
            "type",
            "return isinstance(a, list)",
            ["return isinstance(a, (list, tuple))", "return isinstance(a, tuple)"],
        ),
        (
            "type",
            "return isinstance(a, (int, str))",
            ["return isinstance(a, (int, str, float))", "return isinstance(a, (int, str, list))"],
        ),
        ("operands", "return '/' + '/'.join(f(b) for b in a)", ["return ''.join(['/' + f(b) for b in a])"]),
        ("operands", "return '/' + '/'.join(a)", ["return ''.join(['/' + part for part in a])"]),
        ("container", "return [f(b) for b in a]", ["return [part for b in a for part in f(b)]"]),
        ("branches", "return a if b else c", ["return c if b else a"]),
        ("branches", "for a in b:\n    break", ["for a in b:\n    continue"]),
        ("return", "b = a\nreturn a", ["b = a\nreturn b"]),
        ("return", "if a:\n    f(a)\nreturn a", ["if a:\n    return f(a)\nreturn a"]),
        (
            "return",
            "b = a\nif c:\n    d = c",
            ["b = a\nif c:\n    d = c\nreturn d", "b = a\nif c:\n    d = c\nreturn b"],
        ),
        ("yield", "for a in b:\n    yield f(a)", ["for a in b:\n    yield a"]),
        ("yield", "yield from a", ["yield a"]),
        ("assignment", "a += b", ["a = b"]),
        ("assignment", "a.update(b)", ["a = b"]),
        ("delete", "a = b\nreturn a", ["return a"]),
        ("delete", "if a:\n    b = c\nreturn a", ["if a:\n    pass\nreturn a"]),
        ("drop guard", "if a:\n    b()\nreturn a", ["b()\nreturn a", "return a"]),
        ("move", "a = b\nb = c", ["b = c\na = b"]),
        ("nesting", "for a in b:\n    c(a)\n    return a", ["for a in b:\n    c(a)\nreturn a"]),
        ("nesting", "for a in b:\n    c(a)\nreturn a", ["for a in b:\n    c(a)\n    return a"]),
        ("guard", "return a[0]", ["if not a:\n    return None\nreturn a[0]"]),
        (
            "insert",
            "s = set()\nfor a in b:\n    if a in s:\n        return a",
            ["s = set()\nfor a in b:\n    if a in s:\n        return a\n    s.add(a)"],
        ),
        (
            "donor expression",
            "w[a] = 0\nfor b in w:\n    x[b] = 1",
            ["w[a] = 0\nfor b in w:\n    w[a] = 1"],
        ),
    ],
)
def test_changes_of_a_kind(kind: Kind, body: str, expected: list[str]) -> None:
    found = made(body, "a", "b", "c", kind=kind)
    assert set(expected) <= set(found), found


@pytest.mark.parametrize(
    "body",
    [
        "return [(margin - line if key(line) else line)  # kept\n        for line in lines]",
        "x = 'a'  \nif x == \"b\":   # odd spacing\n    return  x+1",
        "return f'{a}{b!r:>{width}}' + \"c\"",
        "return {**a, 'k': [*b]}, a[1:2, ...], lambda x, *y, z=1: x",
        "async with a as b:\n    await b\nasync for c in d:\n    yield c",
        "match a:\n    case [1, *rest] if rest:\n        return rest\n    case _:\n        pass",
        "try:\n    a = b\nexcept (X, Y) as e:\n    raise Z from e\nfinally:\n    c()",
        "return 'é' + a, 'ü' in b",
    ],
)
def test_all_else_stays_as_it_is_written(body: str) -> None:
    """Each change leaves the first or the last line, or most of the text."""
    texts = made(body, "a", "b")
    assert len(texts) > 5
    for text in texts:
        compile("async def f():\n" + "\n".join(f"    {line}" for line in text.split("\n")), "f", "exec", 1024)
    swapped = [
        t for t in texts if len(t) == len(body) and sum(x != y for x, y in zip(t, body, strict=True)) <= 2
    ]
    assert swapped, "some changes are of a character or two"


def test_what_is_in_a_formatted_text_can_be_changed() -> None:
    assert "return f'{b}{b}'" in made("return f'{a}{b}'", "a", "b")


def test_an_exception_is_raised_for_another() -> None:
    body = "for x in a:\n\n    b(x)"
    found = made(body, "a", kind="raise", wanted=(("ValueError", ""),), instead=("TypeError", "ValueError"))
    assert found[0] == (
        "try:\n    for x in a:\n\n        b(x)\nexcept TypeError as error:\n    raise ValueError(str(error)) from error"
    )
    assert not [text for text in found if "except ValueError" in text]
    lines = 'b("""1\n2""")'
    assert not [text for text in made(lines, wanted=(("E", "no"),), instead=("TypeError",)) if "try" in text]


def test_the_name_of_an_exception_that_tests_wait_for_is_raised() -> None:
    found = made("d[k] = v", "d", "k", "v", kind="raise", wanted=(("ValueError", ""),))
    assert 'if k in d:\n    raise ValueError("k in d")\nd[k] = v' in found


def test_checks_of_other_functions_are_tried_where_their_names_are_known() -> None:
    checks = (("a is None", "return 0"), ("stranger > 1", "return 1"))
    found = made("return a + 1", "a", kind="donor", checks=checks)
    assert found == ["if a is None:\n    return 0\nreturn a + 1"]


def test_names_of_the_module_come_in_where_they_fit() -> None:
    found = made("return self.low", "self", kind="attribute", attributes=("low", "high"))
    assert found == ["return self.high"]
    found = made(
        "g(a)\nreturn 3", "a", functions=(("g", 1), ("h", 1)), bound=frozenset({"g", "h"}), kind="function"
    )
    assert found == ["h(a)\nreturn 3"]


def test_what_is_printed_may_belong_to_the_standard_error() -> None:
    assert "print(a, file=sys.stderr)" in made("print(a)", "a", bound=frozenset({"sys"}), kind="arguments")
    assert made("print(a)", "a", kind="arguments") == []
    again = made("print(a, file=b)", "a", "b", bound=frozenset({"sys"}), kind="arguments")
    assert again == ["print(a)"]


def test_what_nothing_calls_yet_is_called() -> None:
    waiting = ("_inner", "self._own")
    assert {"return _inner(a)", "return self._own(a)"} <= set(
        made("return a", "a", kind="wrap", waiting=waiting)
    )
    assert "return _inner(a)" in made("return g(a)", "a", kind="function", waiting=waiting)
    assert "return self._own(a)" in made("return a.g(a)", "a", kind="function", waiting=waiting)


@pytest.mark.parametrize(
    ("message", "body", "expected"),
    [
        ("AttributeError: 'int' object has no attribute 'replace'", "return g(a)", ["return g(str(a))"]),
        ('TypeError: can only concatenate list (not "str") to list', "return b + a", ["return b + list(a)"]),
        ("TypeError: sequence item 0: expected str instance, int found", "return g(b for b in a)", []),
        (
            "TypeError: 'generator' object is not subscriptable",
            "b = g(a)\nreturn b[0]",
            ["b = list(g(a))\nreturn b[0]", "a = list(a)\nb = g(a)\nreturn b[0]"],
        ),
        ("TypeError: object of type 'map' has no len()", "return len(a)", ["return len(list(a))"]),
        (
            "TypeError: 'tuple' object does not support item assignment",
            "b = a\nb[0] = 1",
            ["b = list(a)\nb[0] = 1"],
        ),
        (
            "TypeError: 'str' object cannot be interpreted as an integer",
            "return range(a)",
            ["return range(int(a))"],
        ),
        (
            "TypeError: '<' not supported between instances of 'str' and 'int'",
            "return a < b",
            ["return int(a) < b"],
        ),
        (
            "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
            "return a + b",
            ["return a + int(b)"],
        ),
        ("TypeError: unhashable type: 'list'", "return g(a)", ["return g(tuple(a))"]),
        ("TypeError: a bytes-like object is required, not 'str'", "return g(a)", ["return g(a.encode())"]),
        ("assert b'ab' == 'ab'", "return g(a)", ["return g(a).decode()"]),
        ("""AssertionError: "b'ab'" != 'ab'""", "return g(a)", ["return g(a).decode()"]),
        (
            "TypeError: cannot use a string pattern on a bytes-like object",
            "return g(a)",
            ["return g(a.decode())"],
        ),
        ("AttributeError: 'NoneType' object has no attribute 'x'", "return a.x", ["return (a or '').x"]),
        (
            "TypeError: 'NoneType' object is not iterable",
            "for c in a:\n    b(c)",
            ["for c in a or []:\n    b(c)"],
        ),
        (
            "ValueError: too many values to unpack (expected 2)",
            "for b, c in a:\n    g()",
            ["for b, c in a.items():\n    g()", "for b, c in enumerate(a):\n    g()"],
        ),
        ("KeyError: 'x'", "return a[b]", ["return a.get(b)", "return a.get(b, [])"]),
        ("TypeError: 'method' object is not iterable", "return list(a.keys)", ["return list(a.keys())"]),
        (
            "UnboundLocalError: cannot access local variable 'c' where it is not",
            "if a:\n    c = b\nreturn c",
            ["c = None\nif a:\n    c = b\nreturn c"],
        ),
        (
            "TypeError: Box.g() missing 1 required positional argument: 'b'",
            "return x.g(a)",
            ["return x.g(a, b=b)"],
        ),
        ("AssertionError: assert 1 == 2", "return g(a)", []),
        ("AttributeError: 'Box' object has no attribute 'size'", "return a.size", []),
    ],
)
def test_what_an_errors_message_asks_for(message: str, body: str, expected: list[str]) -> None:
    found = made(body, "a", "b", kind="remedy", messages=(message, message))
    assert set(expected) <= set(found), found
    assert len(found) == len(set(found))
    assert bool(found) == ("Error: assert" not in message and "'Box' object" not in message)


def test_the_likeliest_come_first() -> None:
    """A plain slip is tried before anything is left out."""
    texts = made("for n in range(a):\n    if n < b:\n        return n - 1\nreturn b", "a", "b")
    places = [
        texts.index("for n in range(a):\n    if n < b:\n        return n + 1\nreturn b"),
        texts.index("for n in range(a + 1):\n    if n < b:\n        return n - 1\nreturn b"),
        texts.index("for n in range(a):\n    if n < b:\n        pass\nreturn b"),
    ]
    assert places == sorted(places)
    assert places[1] < 20
