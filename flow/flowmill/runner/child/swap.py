"""Puts a draft into code that is loaded: function objects stay, what they run is replaced.

Aliases, decorators, registries, methods and properties all hold the function object
itself, so all of them see the draft.
"""

from __future__ import annotations

import ast
import io
import linecache
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any, cast

from .swap_code import (
    CLASS,
    SUPER,
    Place,
    Refusal,
    Scope,
    bound,
    codes_in,
    compiled,
    first_line,
    fitted,
    needs_class,
    parse_function,
    same_code,
)
from .swap_first import Globals, run_helpers, run_imports
from .swap_index import Index

__all__ = ["Index", "apply", "lines", "show", "span"]


def apply(swap: dict[str, Any], index: Index) -> str:
    """Make the loaded functions run the draft; "" when that is done, else why it is not.

    After a refusal this process may be half changed and is of no further use.
    """
    try:
        if index.problem:
            return index.problem
        _Swapping(swap, index).run()
    except Refusal as refusal:
        return str(refusal)
    except SyntaxError as error:
        return f"it is not Python {sys.version_info[0]}.{sys.version_info[1]}: {error.msg}"
    except Exception as error:
        # Whatever stands in the way here, the run has another way to go.
        return f"it could not be put in place: {type(error).__name__}: {error}"
    return ""


class _Swapping:
    """One swap: compile everything, then imports and helpers, then replace."""

    def __init__(self, swap: dict[str, Any], index: Index) -> None:
        self._swap = swap
        self._index = index
        self._before = parse_function(swap["before"], swap["start"])
        self._after = parse_function(swap["function"]["text"], swap["function"]["at"])
        first = first_line(self._before)
        self._functions = [f for f in index.functions if f.__code__.co_firstlineno == first]
        self._around = [f for f in index.around if any(self._is_old(c) for c in codes_in(f.__code__))]
        self._place = Place(tuple(self._enclosing()), index.imported)
        self._fitted: dict[tuple[str, tuple[str, ...], int], types.CodeType] = {}

    def _is_old(self, code: types.CodeType) -> bool:
        return self._index.is_target(code) and code.co_firstlineno == first_line(self._before)

    def run(self) -> None:
        news = [self._new_code(function.__code__, function) for function in self._functions]
        for function in self._around:
            self._with_new(function.__code__)
        for home, code in self._homes():
            run_imports(self._swap["imports"], home, code)
            run_helpers(self._swap["helpers"], home, code)
        documented = ast.get_docstring(self._before, clean=False) != ast.get_docstring(
            self._after, clean=False
        )
        for function, new in zip(self._functions, news):  # noqa: B905 - 3.9 knows no strict
            _replace(function, new, documented)
        for function in self._around:
            function.__code__ = self._with_new(function.__code__)

    def _homes(self) -> list[tuple[Globals, types.CodeType]]:
        """Each namespace that a function found lives in, with code of its file."""
        functions = [*self._functions, *self._around]
        return list({id(f.__globals__): (f.__globals__, f.__code__) for f in functions}.values())

    # -------------------------------------------------------------- where the target stands
    def _enclosing(self) -> list[Scope]:
        if not self._functions and not self._around:
            raise Refusal("no loaded function has its code")
        if self._around:
            found = [self._chain(function) for function in self._around]
        else:
            names = [_qualname(function).split(".")[:-1] for function in self._functions]
            found = [[Scope(name, None) for name in outer] for outer in names if "<locals>" not in outer]
        if not any(found) and "." in self._swap["qualname"]:
            raise Refusal("the function around it is gone")
        wanted = self._swap["qualname"].split(".")[:-1]
        for scopes in found:
            if [scope.name for scope in scopes] == wanted:
                return scopes
        raise Refusal("its qualified name was changed when it was loaded")

    def _chain(self, function: types.FunctionType) -> list[Scope]:
        """The scopes from the module down to the target, through this function."""
        outer = _qualname(function).split(".")[:-1]
        if "<locals>" in outer:
            return []
        scopes = [Scope(name, None) for name in outer]
        for scope in self._down(function.__code__) or []:
            if scope.name.startswith("<"):
                # The hidden scope of type parameters: what it binds is as good as bound one further out.
                before = scopes.pop()
                names = dict.fromkeys([*(before.names or ()), *(scope.names or ())])
                scope = Scope(before.name, tuple(names))
            scopes.append(scope)
        return scopes

    def _down(self, code: types.CodeType) -> list[Scope] | None:
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                below = [] if self._is_old(const) else self._down(const)
                if below is not None:
                    return [_scope(code), *below]
        return None

    # -------------------------------------------------------------- its code
    def _new_code(self, old: types.CodeType, function: types.FunctionType | None) -> types.CodeType:
        key = (old.co_filename, old.co_freevars, old.co_flags)
        if key not in self._fitted:
            loaded = compiled(self._before, self._place, old.co_filename, old.co_flags)
            if not same_code(loaded, old):
                raise Refusal("what is loaded is not what its file says")
            self._fitted[key] = fitted(self._after, old, self._place)
        code = self._fitted[key]
        owner = None if function is None else class_of(function, self._place.scopes)
        self._refuse_type_parameters(code, owner)
        if not needs_class(code):
            return code
        if owner is None or function is None or "super" in function.__globals__:
            raise Refusal("it uses super() or __class__, which the original does not")
        return bound(code, {CLASS: owner, SUPER: super})

    def _refuse_type_parameters(self, code: types.CodeType, owner: type | None) -> None:
        names = {name for part in (code, *codes_in(code)) for name in part.co_names}
        for outer in (owner, *self._around):
            used = names & {str(parameter) for parameter in getattr(outer, "__type_params__", ())}
            if used:
                raise Refusal(f"it uses the type parameter {min(used)}, which the original does not")

    def _with_new(self, code: types.CodeType) -> types.CodeType:
        """The code with the target's replaced wherever it is a constant, so that closures made later are new."""

        def renewed(const: Any) -> Any:
            if not isinstance(const, types.CodeType):
                return const
            return self._new_code(const, None) if self._is_old(const) else self._with_new(const)

        if not any(map(self._is_old, codes_in(code))):
            return code
        return code.replace(co_consts=tuple(map(renewed, code.co_consts)))


def _qualname(function: types.FunctionType) -> str:
    return str(getattr(function.__code__, "co_qualname", function.__qualname__))


def _scope(code: types.CodeType) -> Scope:
    """What a scope's code is called and which names it gives to those inside."""
    names = (*code.co_varnames, *code.co_cellvars, *code.co_freevars)
    plain = dict.fromkeys(name for name in names if name.isidentifier() and name != "__class__")
    is_function = code.co_flags & 1  # CO_OPTIMIZED
    return Scope(code.co_name, tuple(plain) if is_function else None)


def _replace(function: types.FunctionType, code: types.CodeType, documented: bool) -> None:
    with warnings.catch_warnings():
        # That a generator's code takes the place of a plain function's is what is wanted.
        warnings.simplefilter("ignore")
        if documented:
            fresh = types.FunctionType(code, function.__globals__, closure=function.__closure__)
            function.__doc__ = fresh.__doc__
        function.__code__ = code


# ------------------------------------------------------------------ the class of a method
def class_of(function: types.FunctionType, scopes: tuple[Scope, ...]) -> type | None:
    """The class that holds the function, found by name in its module; None if that is not certain."""
    if not scopes or any(scope.names is not None for scope in scopes):
        return None
    owner: Any = function.__globals__.get(scopes[0].name)
    for scope in scopes[1:]:
        owner = vars(owner).get(scope.name) if isinstance(owner, type) else None
    name = function.__code__.co_name
    if name.startswith("__") and not name.endswith("__"):
        name = f"_{scopes[-1].name.lstrip('_')}{name}"
    if not isinstance(owner, type) or not any(f is function for f in _behind(vars(owner).get(name), 8)):
        return None
    # Such a class is made twice, and until Python 3.14 `super()` finds the first one and fails.
    twice = "__dataclass_params__" in vars(owner) and "__slots__" in vars(owner)
    return None if twice else owner


def _behind(value: Any, depth: int) -> Iterator[Any]:
    """The functions that an attribute of a class may be made of."""
    if depth == 0:
        return
    if isinstance(value, types.FunctionType):
        yield value
        for cell in value.__closure__ or ():
            try:
                inner = cell.cell_contents
            except ValueError:
                continue  # not yet filled
            if callable(inner) and not isinstance(inner, type):
                yield from _behind(inner, depth - 1)
    for name in ("__func__", "__wrapped__", "fget", "fset", "fdel", "func"):
        inner = getattr(value, name, None)
        if inner is not None:
            yield from _behind(inner, depth - 1)


# ------------------------------------------------------------------ its lines
def span(swap: dict[str, Any]) -> tuple[int, int]:
    """The lines that the draft's function has in tracebacks, from its first decorator on."""
    function = swap["function"]
    node = parse_function(function["text"], function["at"])
    return first_line(node), function["at"] + function["text"].count("\n") - 1


def lines(swap: dict[str, Any], base: str) -> str:
    """The loaded text with the draft's helpers and function below it, where the swapped code says they are."""
    own = base.split("\n")[: swap["lines"]]
    text = "\n".join(own + [""] * (swap["lines"] - len(own))) + "\n"
    text += "".join(helper["text"] for helper in swap["helpers"])
    # pytest parses the text to find where a statement ends, so an indented function needs a block.
    head = "if True:\n" if swap["function"]["text"][:1].isspace() else ""
    return text + head + str(swap["function"]["text"])


def show(swap: dict[str, Any], index: Index, base: str) -> None:
    """Let tracebacks, inspect and doctest see those lines, also after `linecache.clearcache()`."""
    text: list[str] = []
    update = linecache.updatecache

    def shown(filename: str, module_globals: Any = None) -> list[str]:
        if filename.startswith("<") or not index.here(filename):
            return update(filename, module_globals)
        # Most drafts are never looked at line by line.
        text.extend([] if text else io.StringIO(lines(swap, base)).readlines())
        # Without a time of modification the entry is never held against the file on disk.
        linecache.cache[filename] = (sum(map(len, text)), None, text, filename)
        return text

    cast(Any, linecache).updatecache = shown
    for filename in [name for name in linecache.cache if index.here(name)]:
        del linecache.cache[filename]
