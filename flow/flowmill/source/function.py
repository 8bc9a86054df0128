"""One function of a file: where its parts begin and end, and what kind of function it is."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flowmill.shapes import Target
from flowmill.source.layout import leading, normalise, width
from flowmill.source.text import SourceFile, at_line_end, end_of_line

Kind = Literal[
    "function",
    "method",
    "staticmethod",
    "classmethod",
    "property",
    "property.getter",
    "property.setter",
    "property.deleter",
]
Def = ast.FunctionDef | ast.AsyncFunctionDef

_PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})
_ACCESSORS: dict[str, Kind] = {
    "getter": "property.getter",
    "setter": "property.setter",
    "deleter": "property.deleter",
}


@dataclass(frozen=True, slots=True)
class Function:
    """A definition. Offsets count characters of the file's text, lines are 1-based and inclusive.

    `start` is the beginning of the first decorator's line, `header_end` is just after
    the colon, `docstring` spans the docstring's statement. The body is
    `text[body_start:end]`: from its first line that is not blank (or, if `inline`,
    from its first statement, on the line of the header or docstring) to the end of its last
    line without the newline, comments that belong to it included. It is empty if
    there is only a docstring. `header` reaches from the decorators to the docstring.
    """

    qualname: str
    name: str
    kind: Kind
    is_async: bool
    is_stub: bool
    is_overload: bool
    inline: bool
    classes: tuple[str, ...]
    params: tuple[str, ...]
    start: int
    header_end: int
    docstring: tuple[int, int] | None
    body_start: int
    end: int
    first_line: int
    def_line: int
    last_line: int
    indent: str
    body_indent: str
    header: str
    source: str
    node: Def = field(repr=False, compare=False)

    def target(self, path: Path) -> Target:
        """The function as events name it."""
        return Target(path, self.qualname, self.first_line, self.last_line)


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition before its parts are measured. `classes` are those that directly enclose it."""

    node: Def
    qualname: str
    kind: Kind
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    docstring: tuple[int, int] | None
    body_start: int
    end: int
    inline: bool


def measure(file: SourceFile, definition: Definition) -> Function:
    """The definition with its parts' places."""
    node = definition.node
    first_line = file.first_line(node)
    start = file.line_starts[first_line - 1]
    indent = leading(file.line(first_line))
    header_end = _header_end(file, node)
    span = _span(file, node, header_end, indent)
    header_stop = span.docstring[1] if span.docstring else header_end
    return Function(
        qualname=definition.qualname,
        name=node.name,
        kind=definition.kind,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        is_stub=_is_stub(node),
        is_overload=any(last_name(decorator) == "overload" for decorator in node.decorator_list),
        inline=span.inline,
        classes=definition.classes,
        params=_params(node.args),
        start=start,
        header_end=header_end,
        docstring=span.docstring,
        body_start=span.body_start,
        end=span.end,
        first_line=first_line,
        def_line=node.lineno,
        last_line=file.line_at(span.end),
        indent=indent,
        body_indent=_body_indent(file, node, header_end, indent),
        header=file.text[start:header_stop],
        source=file.text[start : span.end],
        node=node,
    )


def kind_of(node: Def) -> Kind:
    """The kind of a definition that stands in a class body."""
    for decorator in node.decorator_list:
        name = last_name(decorator)
        if name in _PROPERTIES:
            return "property"
        if name in _ACCESSORS and isinstance(decorator, ast.Attribute):
            return _ACCESSORS[name]
        if name == "staticmethod":
            return "staticmethod"
        if name == "classmethod":
            return "classmethod"
    return "method"


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, called or not: `overload` for `@typing.overload`."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def docstring_of(node: Def | ast.ClassDef | ast.Module) -> ast.Expr | None:
    """The statement that is the docstring."""
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return first
    return None


def _span(file: SourceFile, node: Def, header_end: int, indent: str) -> _Span:
    text = file.text
    statement = docstring_of(node)
    docstring = file.span(statement) if statement else None
    head = end_of_line(text, docstring[1] if docstring else header_end)
    last = end_of_line(text, file.span(node.body[-1])[1])
    if not at_line_end(text, head):
        return _Span(docstring, head, last, inline=True)
    if docstring and not at_line_end(text, end_of_line(text, header_end)):
        # `def f(): "doc"` holds nothing but its docstring, for nothing can follow on other lines.
        return _Span(docstring, head, head, inline=True)
    end = _with_comments(file, last, width(indent))
    if end == head:
        return _Span(docstring, head, head, inline=False)
    line = file.line_at(head) + 1
    while not file.line(line).strip(" \t\f"):
        line += 1
    return _Span(docstring, file.line_starts[line - 1], end, inline=False)


def _with_comments(file: SourceFile, end: int, outer: int) -> int:
    """`end` moved past the comments below that are indented deeper than the def."""
    for number in range(file.line_at(end) + 1, len(file.line_starts) + 1):
        line = file.line(number)
        code = line.strip(" \t\f")
        if code and not (code.startswith("#") and width(leading(line)) > outer):
            break
        if code:
            end = file.line_starts[number - 1] + len(line)
    return end


def _header_end(file: SourceFile, node: Def) -> int:
    """Just after the colon: the first one that is neither in brackets nor a lambda's."""
    start = file.offset(node.lineno, node.col_offset)
    depth = lambdas = 0
    for token in tokenize.generate_tokens(io.StringIO(normalise(_tail(file, node)), newline="\n").readline):
        if token.type == tokenize.NAME and token.string == "lambda" and depth == 0:
            lambdas += 1
        if token.type != tokenize.OP:
            continue
        depth += (token.string in "([{") - (token.string in ")]}")
        if token.string == ":" and depth == 0:
            if lambdas == 0:
                row, column = token.end
                return start + column if row == 1 else file.line_starts[node.lineno + row - 2] + column
            lambdas -= 1
    raise AssertionError("a parsed definition has a colon")


def _tail(file: SourceFile, node: Def) -> str:
    """The text from the `def` to the end of the line where the first statement begins."""
    start = file.offset(node.lineno, node.col_offset)
    line = min(node.body[0].end_lineno or 0, len(file.line_starts))
    after = file.line_starts[line] if line < len(file.line_starts) else len(file.text)
    return file.text[start:after]


def _body_indent(file: SourceFile, node: Def, header_end: int, indent: str) -> str:
    if not at_line_end(file.text, end_of_line(file.text, header_end)):
        return indent + file.indent_unit
    first = node.body[0]
    return leading(
        file.text[file.line_starts[first.lineno - 1] : file.offset(first.lineno, first.col_offset)]
    )


def own_nodes(node: Def) -> Iterator[ast.AST]:
    """The nodes of a function's body that are not in a function or class of its own."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        inner = todo.pop()
        yield inner
        if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(inner))


def _is_stub(node: Def) -> bool:
    return all(_does_nothing(statement) for statement in node.body)


def _does_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value is Ellipsis or isinstance(statement.value.value, str)
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        return last_name(statement.exc) == "NotImplementedError"
    return isinstance(statement, ast.Pass)


def _params(arguments: ast.arguments) -> tuple[str, ...]:
    star = [arguments.vararg] if arguments.vararg else []
    stars = [arguments.kwarg] if arguments.kwarg else []
    listed = [*arguments.posonlyargs, *arguments.args, *star, *arguments.kwonlyargs, *stars]
    return tuple(argument.arg for argument in listed)
