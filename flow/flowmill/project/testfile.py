"""One test file as its tests and what each of them refers to, found without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flowmill.project.pytest_config import PytestConfig
from flowmill.project.references import Imports, Refs, read_imports, read_refs, walk
from flowmill.project.wanted import Definition, definitions
from flowmill.source import text

SETUP = frozenset({
    "setUp", "setUpClass", "asyncSetUp", "tearDown", "tearDownClass", "asyncTearDown",
    "setup_method", "setup_class", "teardown_method", "teardown_class", "setup", "teardown",
})  # fmt: skip
MODULE_SETUP = frozenset({"setUpModule", "setup_module", "setup_function", "pytestmark"})
NOTHING = Refs()


@dataclass(frozen=True, slots=True)
class TestNode:
    """A test function. `id` is its node id without the path, `own` what its body and decorators name."""

    __test__ = False
    id: str
    own: Refs
    around: Refs
    """What its class brings along: set-up methods, class-level data, fixtures used automatically."""
    length: int


@dataclass(frozen=True, slots=True)
class TestFile:
    """The tests of a file and its other definitions, `units`, by name: helpers, fixtures, data."""

    __test__ = False
    tests: tuple[TestNode, ...]
    units: Mapping[str, Refs]
    imports: Imports
    always: Refs = field(default_factory=Refs)
    """What every test of the file brings along."""

    def reach(self, refs: Refs, conftests: Iterable[TestFile] = ()) -> Refs:
        """`refs` and whatever the local definitions, helpers and fixtures that they name refer to in turn."""
        tables = (self.units, *(conftest.units for conftest in conftests))
        done: set[str] = set()
        pending = set(refs.names)
        while pending:
            name = pending.pop()
            done.add(name)
            unit = next((table[name] for table in tables if name in table), None)
            if unit is not None:
                refs |= unit
                pending |= unit.names - done
        return refs


def parse(source: bytes) -> ast.Module | None:
    """The syntax tree, None if the source is not valid Python for this interpreter."""
    try:
        return text.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def read_test_file(tree: ast.Module, module: str, config: PytestConfig) -> TestFile:
    """What the file holds; `module` is its dotted name, to resolve relative imports."""
    found = read_imports(tree, module)
    imports = Imports(found.aliases, found.modules, (*found.stars, module))
    reader = _Reader(
        imports, config, {node.name: node for node in definitions(tree) if isinstance(node, ast.ClassDef)}
    )
    units: dict[str, Refs] = {}
    always = NOTHING
    tests: list[TestNode] = []
    for name, refs in reader.data(tree):
        units[name] = units.get(name, NOTHING) | refs
        always |= refs if name in MODULE_SETUP else NOTHING
    for node in definitions(tree):
        refs = reader.refs([node])
        units[node.name] = units.get(node.name, NOTHING) | refs
        if isinstance(node, ast.ClassDef):
            tests.extend(reader.tests_of(node, node.name, NOTHING))
        elif config.is_test_function(node.name) and not _is_fixture(node):
            tests.append(TestNode(node.name, refs, NOTHING, _length(node)))
        if node.name in MODULE_SETUP or _is_fixture(node, autouse=True):
            always |= refs
    return TestFile(tuple(tests), units, imports, always)


@dataclass(frozen=True, slots=True)
class _Reader:
    imports: Imports
    config: PytestConfig
    classes: Mapping[str, ast.ClassDef]

    known: dict[ast.AST, Refs] = field(default_factory=dict[ast.AST, Refs])

    def refs(self, nodes: Iterable[ast.AST]) -> Refs:
        """What the nodes refer to; a class is walked through its members, each of which is walked once."""
        return Refs.union(self._one(node) for node in nodes)

    def _one(self, node: ast.AST) -> Refs:
        if node not in self.known:
            parts = isinstance(node, ast.ClassDef)
            self.known[node] = (
                self.refs(ast.iter_child_nodes(node)) if parts else read_refs([node], self.imports)
            )
        return self.known[node]

    def data(self, scope: ast.AST) -> Iterator[tuple[str, Refs]]:
        """The assignments of a scope by name, and its bare statements as "": calls, appends, marks."""
        for node in ast.iter_child_nodes(scope):
            if isinstance(node, Definition | ast.Import | ast.ImportFrom) or not isinstance(node, ast.stmt):
                continue
            refs = self.refs([node])
            names = {
                leaf.id
                for leaf in walk(node)
                if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
            }
            for name in names or {""}:
                yield name, refs

    def tests_of(self, node: ast.ClassDef, path: str, outer: Refs) -> Iterator[TestNode]:
        """The tests of a class, its inherited ones and those of classes inside it."""
        line = list(self._line(node))
        unittest = any(_is_testcase(base) for each in line for base in each.bases)
        if not unittest and not self.config.is_test_class(node.name):
            return
        methods = _methods(line)
        around = outer | self._around(line, methods)
        refs = {name: self.refs([method]) for name, method in methods.items()}
        for name, method in methods.items():
            collected = name.startswith("test") if unittest else self.config.is_test_function(name)
            if collected and not _is_fixture(method):
                helped = _helped(refs[name], {other: refs[other] for other in refs if other != name})
                yield TestNode(f"{path}::{name}", refs[name], around | helped, _length(method))
        if any(self._is_foreign(base) for each in line for base in each.bases):
            # Its base stands in another file and may hold tests: the class as a whole is the test.
            yield TestNode(path, NOTHING, around | Refs.union(refs.values()), _length(node))
        for inner in definitions(node):
            if isinstance(inner, ast.ClassDef):
                yield from self.tests_of(inner, f"{path}::{inner.name}", around)

    def _line(self, node: ast.ClassDef, depth: int = 8) -> Iterator[ast.ClassDef]:
        """The class and those of its bases that stand in the same file."""
        yield node
        for base in node.bases:
            above = self.classes.get(base.id) if isinstance(base, ast.Name) else None
            if above is not None and above is not node and depth:
                yield from self._line(above, depth - 1)

    def _is_foreign(self, base: ast.expr) -> bool:
        local = isinstance(base, ast.Name) and (base.id in self.classes or base.id == "object")
        return not local and not _is_testcase(base)

    def _around(self, line: list[ast.ClassDef], methods: Mapping[str, ast.AST]) -> Refs:
        setup = [
            method
            for name, method in methods.items()
            if name in SETUP or (isinstance(method, Definition) and _is_fixture(method, autouse=True))
        ]
        data = (refs for each in line for _, refs in self.data(each))
        decorators = (decorator for each in line for decorator in each.decorator_list)
        return Refs.union([self.refs([*setup, *decorators]), *data])


def _methods(line: list[ast.ClassDef]) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for each in line:
        for node in definitions(each):
            if not isinstance(node, ast.ClassDef):
                found.setdefault(node.name, node)
    return found


def _helped(own: Refs, methods: Mapping[str, Refs]) -> Refs:
    """What the methods of the same class that a test calls, or takes as fixtures, refer to."""
    helped, done = NOTHING, set[str]()
    pending = (own.names | own.attributes) & methods.keys()
    while pending:
        done |= pending
        more = Refs.union(methods[name] for name in pending)
        helped |= more
        pending = ((more.names | more.attributes) & methods.keys()) - done
    return helped


def _is_fixture(node: Definition, *, autouse: bool = False) -> bool:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = call.func if call else decorator
        label = (
            name.attr if isinstance(name, ast.Attribute) else name.id if isinstance(name, ast.Name) else ""
        )
        if label in ("fixture", "yield_fixture"):
            return not autouse or any(word.arg == "autouse" for word in (call.keywords if call else ()))
    return False


def _is_testcase(base: ast.expr) -> bool:
    name = base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
    return name.endswith("TestCase")


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
