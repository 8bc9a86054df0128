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
    ],
)
def test_machinery_is_refused(body: str, word: str) -> None:
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
    ],
)
def test_honest_code_passes(body: str) -> None:
    assert why(body) == ""


def test_what_the_module_uses_already_is_allowed() -> None:
    own = ast.parse("import subprocess\nsubprocess.run(['ls'])")
    assert refusal(ast.parse("import subprocess\nsubprocess.run(['ls'])"), [own], TESTS) == ""
