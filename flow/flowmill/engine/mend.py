"""Makes a draft of a model's reply: what is recoverable is mended, what is not is refused with the reason.

The user's decorators, signature and docstring never come from the reply; of the
reply's function only the body counts, with the imports and helpers it declares.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flowmill.engine.names import bound_names, missing_imports, used_names
from flowmill.engine.reply import Block, code_blocks, parse, parse_leniently, repeats_endlessly
from flowmill.engine.undefined import NOWHERE, Lookup, meant
from flowmill.shapes import Draft, FinishReason
from flowmill.source.functions import Function, find_functions
from flowmill.source.splice import draft_of
from flowmill.source.text import SourceFile

PLACEHOLDER = re.compile(
    r"#\s*(?:\.\.\.|(?:your|rest of(?: the)?|remaining|existing|the rest|implementation) ?(?:code|implementation|goes here|here)?\b"
    r".*(?:here|unchanged|same|above|remains)|todo:? implement)",
    re.I,
)


SCAFFOLDS = ("# Steps:", "# The fault was that", "# Mind:")
"""First words of a body that a prompt begins for the model: they help it think and say nothing to the user."""


class Unusable(Exception):
    """The reply holds no usable draft; `str()` says why in a few words."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a reply is mended against: the user's function and the names its module binds."""

    function: Function
    module_names: frozenset[str]
    module_name: str = ""
    siblings: frozenset[str] = frozenset()
    """Names that the function's class has already."""
    lookup: Lookup = NOWHERE
    """Where names may come from that a draft uses and nobody defines."""


@dataclass(frozen=True, slots=True)
class Mended:
    draft: Draft
    notes: tuple[str, ...]


def mend(reply: str, finish: FinishReason, around: Surroundings) -> Mended:
    """The draft that `reply` means. Raises `Unusable`."""
    if not reply.strip():
        raise Unusable("the answer is empty")
    if repeats_endlessly(reply):
        raise Unusable("the answer repeats itself without end")
    blocks = code_blocks(reply)
    if not blocks:
        raise Unusable("the answer has no code in it")
    reasons: list[str] = []
    for block in sorted(blocks, key=lambda b: not _names_target(b, around.function)):
        try:
            return _mend_block(block, finish, around)
        except Unusable as error:
            reasons.append(str(error))
    raise Unusable(reasons[0])


def _names_target(block: Block, function: Function) -> bool:
    return re.search(rf"\bdef\s+{re.escape(function.name)}\b", block.code) is not None


def _mend_block(block: Block, finish: FinishReason, around: Surroundings) -> Mended:
    cut = not block.closed and finish == "length"
    parsed = parse_leniently(block.code, may_trim=True)
    if parsed is None or not _has_function(parsed[1]):
        parsed = _as_body(block.code, around.function) or parsed
    if parsed is None:
        raise Unusable("the code cannot be parsed")
    file = SourceFile.from_bytes(Path("draft.py"), parsed[0].encode("utf-8"))
    found, notes = _choose(file, around.function)
    if cut and found.end >= len(file.text.rstrip()):
        raise Unusable("the answer is cut at the token limit")
    if found.is_stub or not found.source.strip():
        raise Unusable("the body is only a placeholder")
    draft = _without_scaffold(draft_of(found))
    draft = replace(draft, body=_without_docstrings(draft.body))
    if not draft.body.strip():
        raise Unusable("the body is only a placeholder")
    if _has_placeholder(draft.body):
        raise Unusable("the body leaves a part out (a placeholder comment or `...`)")
    draft = replace(draft, body=_user_parameters(draft.body, found, around.function))
    return _with_company(draft, parsed[1], found, around, notes)


def _without_scaffold(draft: Draft) -> Draft:
    if not draft.body.startswith(SCAFFOLDS):
        return draft
    lines = draft.body.split("\n")
    first = next((n for n, line in enumerate(lines) if not line.lstrip().startswith("#")), 0)
    return replace(draft, body="\n".join(lines[first:]).lstrip("\n"))


def _without_docstrings(body: str) -> str:
    """Without the texts at its beginning: small models write the docstring again, often line by line."""
    tree = parse(f"async def _():\n{textwrap.indent(body, ' ')}")
    holder = tree.body[0] if tree is not None and tree.body else None
    if not isinstance(holder, ast.AsyncFunctionDef):
        return body
    last = 0
    for statement in holder.body:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                last = statement.end_lineno or last
            case _ if last < statement.lineno:
                break
            case _:  # It begins on the line on which the text ends.
                return body
    # The parsed text has one line more, the header.
    return "\n".join(body.split("\n")[last - 1 :]).lstrip("\n") if last else body


def _has_function(tree: ast.Module) -> bool:
    return any(isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(tree))


def _as_body(code: str, function: Function) -> tuple[str, ast.Module] | None:
    """Read code without a `def` line as the body itself, if it does what only a body can do."""
    body = textwrap.indent(textwrap.dedent(code.replace("\r\n", "\n").strip("\n")), "    ")
    head = f"async def {function.name}" if function.is_async else f"def {function.name}"
    parameters = ", ".join(function.params)
    text = f"{head}({parameters}):\n{body}\n"
    tree = parse(text) or parse(text.replace(f"({parameters})", "(*args)", 1))
    if tree is None:
        return None
    telling = (ast.Return, ast.Yield, ast.YieldFrom, ast.Raise)
    return (text, tree) if any(isinstance(n, telling) for n in ast.walk(tree)) else None


def _choose(file: SourceFile, function: Function) -> tuple[Function, tuple[str, ...]]:
    """The reply's function that is meant, by its name or as the only one there is."""
    functions = find_functions(file)
    named = [f for f in functions if f.name == function.name]
    if named:
        return next((f for f in named if not f.is_stub), named[0]), ()
    top = [f for f in functions if "." not in f.qualname] or list(functions)
    if len(top) != 1 or top[0].name.startswith("test"):
        raise Unusable(f"the answer does not define {function.name}")
    return top[0], (f"the answer calls it {top[0].name}",)


def _has_placeholder(body: str) -> bool:
    tree = parse(body) or parse(f"async def _():\n{textwrap.indent(body, '    ')}")
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.Expr)] if tree else []
    dots = any(isinstance(n.value, ast.Constant) and n.value.value is Ellipsis for n in statements)
    return dots or PLACEHOLDER.search(body) is not None


def _user_parameters(body: str, found: Function, function: Function) -> str:
    """Rename the reply's parameters to the user's where they stand in the same place."""
    wanted = {
        theirs: ours
        for theirs, ours in zip(found.params, function.params, strict=False)
        if theirs != ours and theirs not in function.params
    }
    tree = parse(f"async def _():\n{textwrap.indent(body, ' ')}") if wanted else None
    taken = bound_names([tree]) | set(used_names([tree])) if tree else set[str]()
    return _renamed(body, {theirs: ours for theirs, ours in wanted.items() if ours not in taken})


def _renamed(body: str, wanted: Mapping[str, str]) -> str:
    """The body with these names written otherwise, whatever is in texts left as it is."""
    tree = parse(f"async def _():\n{textwrap.indent(body, ' ')}") if wanted else None
    if tree is None:
        return body
    spots = [
        (n.lineno - 2, n.col_offset - 1, n.id)
        for n in ast.walk(tree)
        if isinstance(n, ast.Name) and n.id in wanted
    ]
    lines = [line.encode() for line in body.split("\n")]
    for row, column, name in sorted(spots, reverse=True):
        line = lines[row]
        if line[column : column + len(name.encode())] == name.encode():
            lines[row] = line[:column] + wanted[name].encode() + line[column + len(name.encode()) :]
    return b"\n".join(lines).decode()


def _with_company(
    draft: Draft, tree: ast.Module, found: Function, around: Surroundings, notes: tuple[str, ...]
) -> Mended:
    """Add what the body needs from the rest of the reply, and the imports that the reply forgot."""
    body = parse(f"async def {found.name}():\n{textwrap.indent(draft.body, '    ')}")
    roots: list[ast.AST] = [body] if body else []
    helpers = _helpers(tree, found, roots, around)
    methods = _methods(tree, found, roots, around.siblings) if around.function.classes else []
    roots += [*helpers, *methods]
    needed = set(used_names(roots))
    imports = tuple(
        text
        for node in tree.body
        for text in _import_texts(node, needed, around)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    )
    known = around.module_names | set(around.function.params) | _bound_by(imports)
    imports += missing_imports(roots, known)
    text = draft.body
    if body is not None:
        known |= _bound_by(imports) | bound_names([*helpers])
        names = meant(body, around.function.params, known, around.lookup)
        text = "".join(f"{line}\n" for line in names.first) + _renamed(text, names.renamed)
        notes += names.notes
    unparse = tuple(ast.unparse(node) for node in helpers)
    return Mended(
        Draft(text, tuple(dict.fromkeys(imports)), unparse, tuple(ast.unparse(m) for m in methods)), notes
    )


def _helpers(tree: ast.Module, found: Function, roots: list[ast.AST], around: Surroundings) -> list[ast.stmt]:
    """Top-level definitions and constants of the reply that the body reaches and the module lacks."""
    offered: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            offered[node.name] = node
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            offered[node.targets[0].id] = node
    own = found.qualname.split(".")[0]
    chosen: dict[str, ast.stmt] = {}
    queue = used_names(roots)
    while queue:
        name = queue.pop(0)
        if name in offered and name not in chosen and name != own and name not in around.module_names:
            chosen[name] = offered[name]
            queue += used_names([offered[name]])
    return [node for name, node in offered.items() if name in chosen]


def _methods(
    tree: ast.Module, found: Function, roots: list[ast.AST], siblings: frozenset[str]
) -> list[ast.stmt]:
    """New private methods that the reply puts beside the target in its class and the body calls."""
    owner = next(
        (n for n in tree.body if isinstance(n, ast.ClassDef) and found.qualname.startswith(f"{n.name}.")),
        None,
    )
    if owner is None:
        return []
    called = {n.attr for root in roots for n in ast.walk(root) if isinstance(n, ast.Attribute)}
    return [
        n
        for n in owner.body
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        and n.name in called
        and n.name != found.name
        and n.name.startswith("_")
        and n.name not in siblings
    ]


def _import_texts(node: ast.stmt, needed: set[str], around: Surroundings) -> list[str]:
    """The parts of an import statement that the draft uses, one statement a name."""
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        if module == around.module_name or module == "__future__":
            return []
        source = f"from {module} import "
    elif isinstance(node, ast.Import):
        source = "import "
    else:
        return []
    return [
        source + alias.name + (f" as {alias.asname}" if alias.asname else "")
        for alias in node.names
        if (alias.asname or alias.name).split(".")[0] in needed
    ]


def _bound_by(imports: tuple[str, ...]) -> set[str]:
    return bound_names(tree for text in imports if (tree := parse(text)))
