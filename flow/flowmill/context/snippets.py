"""Cutting source down to what tells how to use it."""

from __future__ import annotations

import ast
import re
import textwrap

from flowmill.source.function import Def, Definition, docstring_of, measure
from flowmill.source.layout import normalise
from flowmill.source.text import SourceFile

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
LONG_WORD = 4
LONG_DEFINITION = 30
"""Lines beyond which a definition is cut to its signature and docstring."""


def whole(file: SourceFile, node: ast.stmt) -> str:
    """A statement with its decorators, moved to column 0, newlines as "\\n"."""
    start = file.line_starts[file.first_line(node) - 1]
    return textwrap.dedent(normalise(file.text[start : file.span(node)[1]]))


def signature(file: SourceFile, node: Def, *, docstring: bool = True) -> str:
    """Decorators, signature and the docstring's first line, with `...` for the body, at column 0."""
    function = measure(file, Definition(node, node.name, "function", ()))
    head = textwrap.dedent(normalise(file.text[function.start : function.header_end]))
    summary = first_line(ast.get_docstring(node)) if docstring else ""
    return f'{head}\n    """{summary}"""' if summary else f"{head} ..."


def without_docstring(file: SourceFile, node: Def) -> str:
    """A function with its decorators and without its docstring, at column 0: how it is done is what tells.

    Of a stub the docstring's first line, which is all that tells.
    """
    function = measure(file, Definition(node, node.name, "function", ()))
    if function.is_stub:
        return signature(file, node)
    if function.inline or function.docstring is None:
        return whole(file, node)
    head = file.text[function.start : function.header_end]
    body = file.text[function.body_start : function.end]
    return textwrap.dedent(normalise(f"{head}\n{body}"))


def class_head(file: SourceFile, node: ast.ClassDef) -> str:
    """The class line, the docstring's first line, the attributes and `__init__`'s signature, at column 0."""
    lines = [class_line(node)]
    if summary := first_line(ast.get_docstring(node)):
        lines.append(f'    """{summary}"""')
    for inner in node.body:
        if isinstance(inner, (ast.Assign, ast.AnnAssign)):
            lines.append(textwrap.indent(shortened(whole(file, inner)), "    "))
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)) and inner.name == "__init__":
            lines.append(textwrap.indent(signature(file, inner, docstring=False), "    "))
    return "\n".join(lines if len(lines) > 1 else [f"{lines[0]} ..."])


def class_line(node: ast.ClassDef) -> str:
    """A class's decorators and first line."""
    decorators = "".join(f"@{ast.unparse(decorator)}\n" for decorator in node.decorator_list)
    bases = [ast.unparse(base) for base in node.bases]
    bases += [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in node.keywords if keyword.arg]
    listed = f"({', '.join(bases)})" if bases else ""
    return f"{decorators}class {node.name}{listed}:"


def trimmed(file: SourceFile, node: ast.stmt) -> str:
    """A definition whole if it is short; else signature and docstring, or a class's head."""
    text = whole(file, node)
    if text.count("\n") < LONG_DEFINITION:
        return text
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        statement = docstring_of(node)
        if statement is None:
            return signature(file, node)
        start = file.line_starts[file.first_line(node) - 1]
        head = textwrap.dedent(normalise(file.text[start : file.span(statement)[1]]))
        return head + "\n    ..." if head.count("\n") < LONG_DEFINITION else signature(file, node)
    if isinstance(node, ast.ClassDef):
        methods = [inner for inner in node.body if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef))]
        others = [signature(file, inner, docstring=False) for inner in methods if inner.name != "__init__"]
        return "\n".join([class_head(file, node), *(textwrap.indent(other, "    ") for other in others)])
    return shortened(text)


def shortened(text: str, lines: int = 4) -> str:
    """The first lines of a statement, marked if more follow."""
    kept = text.split("\n")
    return text if len(kept) <= lines else "\n".join([*kept[: lines - 1], "    ...  # and more"])


def first_line(docstring: str | None) -> str:
    """A docstring's first line, fit to stand between triple quotes; empty if it is not."""
    line = (docstring or "").strip().split("\n")[0].strip()
    return "" if '"""' in line or line.endswith(('"', "\\")) else line


def words_of(name: str) -> set[str]:
    """The words of a name in snake case or camel case that are long enough to tell what it is about."""
    return {word.lower() for word in _WORD.findall(name) if len(word) >= LONG_WORD}


def names_in(node: ast.AST) -> set[str]:
    """The names that a piece of code reads, attributes included."""
    inner = list(ast.walk(node))
    loaded = {name.id for name in inner if isinstance(name, ast.Name)}
    return loaded | {name.attr for name in inner if isinstance(name, ast.Attribute)}
