"""Which drafts are not trusted, and that honest ones are."""

from __future__ import annotations

import ast

import pytest

from flowmill.engine.gate import refusal

MODULE = "import os\nimport inspect\n\ndef f(n):\n    raise NotImplementedError\n"
TESTS = (
    "def test_f():\n    assert f(17) == 'seventeen'\n    assert f(23) == 'twenty-three'\n    assert f(0) == 'zero'\n",
)


def why(body: str) -> str:
    return refusal(ast.parse(body), [ast.parse(MODULE)], TESTS)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("import pytest\npytest.skip('no')", "pytest"),
        ("import unittest", "unittest"),
        ("import sys\nsys.exit(0)", "exit"),
        ("os._exit(0)", "_exit"),
        ("inspect.stack()[1]", "stack"),
        ("import sys\nsys._getframe(1).f_locals", "_getframe"),
        ("import gc\ngc.get_objects()", "gc"),
        ("__import__('pytest')", "pytest"),
        ("os.environ['PYTEST_CURRENT_TEST']", "PYTEST_CURRENT_TEST"),
        ("import subprocess", "subprocess"),
        ("from os import fork", "fork"),
        ("import sys as s\ns.modules['x']", "modules"),
        ("from sys import modules", "modules"),
        ("import os\nos.sys.modules", "modules"),
        ("import sys\nm = sys\nm.modules", "modules"),
        ("getattr(os, 'sys').setprofile(f)", "setprofile"),
        ("import sys\ngetattr(sys, 'set' + 'trace')(f)", "settrace"),
        ("import sys\ngetattr(sys, ''.join(['mod', 'ules']))", "modules"),
        ("import sys\nsys.monitoring.use_tool_id(1, 'x')", "monitoring"),
        ("import sys\nsys.addaudithook(f)", "addaudithook"),
        ("import sys\nsys.excepthook = f", "excepthook"),
        ("import importlib\nimportlib.import_module('x')", "import_module"),
        ("from importlib import reload", "reload"),
        ("exec('x = 1')", "exec"),
        ("eval('1 + 1')", "eval"),
        ("compile('1', '', 'eval')", "compile"),
        ("globals()['f'] = 1", "globals"),
        ("import math\nvars(math)['pi'] = 3", "vars(math)"),
        ("import math\nmath.pi = 3", "changes the module math"),
        ("import math\nmath.__dict__['__builtins__']", "__builtins__"),
        ("import math\nsetattr(math, 'pi', 3)", "changes the module math"),
        ("f.__code__ = g.__code__", "__code__"),
        ("f.__globals__['x']", "__globals__"),
        ("f.__closure__", "__closure__"),
        ("object.__subclasses__()", "__subclasses__"),
        ("().__class__.__base__.__subclasses__()", "__subclasses__"),
        ("os.write(3, b'x')", "write"),
        ("os.fdopen(3)", "fdopen"),
        ("os.dup2(1, 3)", "dup2"),
        ("open('/proc/self/maps')", "/proc/self/maps"),
        ("open(f'/proc/{n}/mem')", "/proc"),
        ("open('test_calc.py').read()", "test_calc.py"),
        ("open('tests/calc_test.py').read()", "calc_test.py"),
        ("open(__file__).read()", "__file__"),
        ("inspect.getsource(f)", "getsource"),
        ("inspect.trace()", "trace"),
        ("import traceback\ntraceback.extract_stack()", "extract_stack"),
        ("try:\n    f()\nexcept OSError as e:\n    e.__traceback__.tb_frame", "tb_frame"),
        ("import atexit", "atexit"),
        ("import mmap", "mmap"),
        ("from mock import ANY", "mock"),
        ("import linecache", "linecache"),
        ("import asyncio\nasyncio.create_subprocess_exec('ls')", "create_subprocess_exec"),
        ("from asyncio import subprocess", "subprocess"),
        ("breakpoint()", "breakpoint"),
    ],
)
def test_machinery_is_refused(body: str, word: str) -> None:
    assert word in why(body)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("class E:\n    def __eq__(self, other):\n        return True\nreturn E()", "__eq__"),
        ("class E:\n    __eq__ = lambda self, other: True\nreturn E()", "__eq__"),
        ("class E(int):\n    def __ne__(self, other):\n        return False", "__ne__"),
        ("class E:\n    def __bool__(self):\n        return True", "__bool__"),
        ("class M(type):\n    def __instancecheck__(cls, thing):\n        return True", "__instancecheck__"),
        ("class E:\n    @property\n    def __class__(self):\n        return int", "__class__"),
        ("n.__class__ = str", "__class__"),
        ("return type('E', (), {'__eq__': f})()", "__eq__"),
        ("return type('E', (), {'__e' + 'q__': f})()", "__eq__"),
        ("type(n).__eq__ = f", "__eq__"),
        ("setattr(type(n), '__eq__', f)", "__eq__"),
        (
            "from dataclasses import make_dataclass\nmake_dataclass('E', [], namespace={'__eq__': f})",
            "__eq__",
        ),
    ],
)
def test_values_that_answer_for_themselves_are_refused(body: str, word: str) -> None:
    assert word in why(body)


@pytest.mark.parametrize(
    "body",
    [
        "if n == 17:\n    return 'seventeen'\nif n == 23:\n    return 'twenty-three'",
        "return {17: 'seventeen', 23: 'twenty-three'}[n]",
        "if (n, m) == (1, 2):\n    return 'seventeen'\nif (n, m) == (2, 1):\n    return 'zero'",
    ],
)
def test_answering_the_tests_is_refused(body: str) -> None:
    assert "one by one" in why(body)


@pytest.mark.parametrize(
    "body",
    [
        "if n == 0:\n    return 'zero'\nif n == 1:\n    return 'one'\nreturn str(n)",
        "if n == 0 and m == 0:\n    return 0\nif n == 1 and m == 1:\n    return 1\nreturn 'seventeen'",
        "stack = []\nstack.append(n)\nreturn stack.pop()",
        "return {1: 'one', 2: 'two'}.get(n % 10, 'many')",
        "return os.path.join('a', str(n))",
        "system = n\nreturn system",
        "return hasattr(n, '__len__') and len(n)",
        "return n.__class__.__name__",
        "return getattr(n, '__eq__')(n)",
        "return super().__eq__(n)",
        "import re\nreturn re.compile('a').match(n)",
        "n.modules = n.code\nn.trace.stack(n.write(n.open()))",
        "signal = n\nresource = signal * 2\ncode = resource\nreturn code",
        "from .signal import x\nfrom mypackage import resource\nreturn x",
        "import threading\nimport warnings\nimport pickle\nwarnings.warn('x')",
        "import importlib.resources\nreturn importlib.resources.files(n)",
        "import sys\nsys.stdout = n\nsys.stdout.write('x')",
        "import sys\nsys.path.append(n)\nreturn sys.version_info",
        "return eval(n)",
        "return open(n).read()",
        "return n['globals'] + n.quit() + n.exit()",
        "if month in (1, 3, 5, 7, 8, 10, 12):\n    return 31\nif month in (4, 6, 9, 11):\n    return 30",
        "'About /proc/self and test_x.py,\\nin prose.'\nreturn 1",
    ],
)
def test_honest_code_passes(body: str) -> None:
    assert why(body) == ""


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess\nsubprocess.run(['ls'])",
        "class P:\n    def __eq__(self, other):\n        return self.x == other.x",
        "import math\nmath.pi = 3",
        "open('/proc/stat').read()",
        "import sys\nsys.modules['x']",
        "exec('x')",
    ],
)
def test_what_the_module_uses_already_is_allowed(text: str) -> None:
    assert why(text)
    assert refusal(ast.parse(text), [ast.parse(text)], TESTS) == ""


def test_what_the_module_uses_allows_nothing_else() -> None:
    own = ast.parse("import sys\nsys.modules['x']")
    assert "settrace" in refusal(ast.parse("import sys\nsys.settrace(f)"), [own], TESTS)
