"""From what a client asks for to a run: the function that is meant, and why it cannot be if it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from flowmill.errors import TargetError, UsageError
from flowmill.shapes import Mode
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan


@dataclass(frozen=True, slots=True)
class Wanted:
    """The function that a command names, by its place or its name."""

    uri: str
    line: int | None = None
    """1-based."""
    qualname: str = ""


class Opener(Protocol):
    def get(self, uri: str) -> Document | None: ...

    def load(self, uri: str) -> Document:
        """A file that no editor has open, as it is on disk. Raises `TargetError`."""
        ...


def read_wanted(given: object, command: str) -> Wanted:
    """`{uri, position}` or `{uri, qualname}`. Raises `UsageError` that says what is missing."""
    form = f"{command} takes {{uri, position}} or {{uri, qualname}}"
    if not isinstance(given, Mapping):
        raise UsageError(f"{form}, not {type(given).__name__}")
    table = cast("Mapping[str, Any]", given)
    uri, name, position = table.get("uri"), table.get("qualname"), table.get("position")
    if not isinstance(uri, str) or not uri:
        raise UsageError(f"{form}: uri is missing")
    if isinstance(name, str) and name:
        return Wanted(uri, None, name)
    line = cast("Mapping[str, Any]", position).get("line") if isinstance(position, Mapping) else None
    if not isinstance(line, int) or isinstance(line, bool) or line < 0:
        raise UsageError(f"{form}: there is neither a position nor a qualname")
    return Wanted(uri, line + 1)


def read_run(given: object, command: str, *more: str) -> tuple[str, Mapping[str, Any]]:
    """The run's id out of `{run, ...}`, and the whole. Raises `UsageError`.

    Where a command takes `more` keys, one that it does not know is an error: a misspelt `hunks` would accept all.
    """
    table = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {"run": given}
    known = ("run", *more)
    if more and (strange := [key for key in table if key not in known]):
        raise UsageError(f"{command} knows no {strange[0]!r}: it takes {', '.join(known)}")
    run = table.get("run")
    if not isinstance(run, str) or not run:
        raise UsageError(f"{command} takes {{run}}: the id of a run, as flow.runs lists them")
    return run, table


def find_function(documents: Opener, wanted: Wanted) -> tuple[Document, FunctionSpan]:
    """The document and the function in it. Raises `TargetError` that says why there is none."""
    document = documents.get(wanted.uri) or documents.load(wanted.uri)
    outline = document.outline
    span = outline.find(wanted.qualname) if wanted.line is None else outline.at(wanted.line)
    if span is not None:
        return document, span
    where = document.path or wanted.uri
    if outline.problem and not outline.functions:
        raise TargetError(outline.problem)
    if wanted.line is not None:
        raise TargetError(f"{where}:{wanted.line} is in no function: put the cursor into one")
    near = [f.qualname for f in outline.functions if f.name == wanted.qualname.rpartition(".")[2]]
    names = near or [f.qualname for f in outline.functions]
    known = f"it has {', '.join(names[:5])}" if names else "it defines none"
    raise TargetError(f"{where} has no function {wanted.qualname}: {known}")


def read_mode(given: object) -> Mode:
    """The `mode` of a `flow/run` request; to generate is the usual one."""
    mode = cast("Mapping[str, Any]", given).get("mode", "generate") if isinstance(given, Mapping) else ""
    if mode == "generate" or mode == "repair":
        return mode
    raise UsageError(f"flow/run: mode is {mode!r}; it is generate or repair")


def read_token(given: object) -> int | str | None:
    """The progress token that came with a request, if it is one."""
    token = cast("Mapping[str, Any]", given).get("workDoneToken") if isinstance(given, Mapping) else None
    return token if isinstance(token, (int, str)) and not isinstance(token, bool) else None
