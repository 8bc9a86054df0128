"""JSON to lsprotocol's classes and back, on one converter."""

from __future__ import annotations

from typing import Any, cast

import cattrs
from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.exceptions import JsonRpcInvalidParams

from flowmill_server.wire.calls import Params
from flowmill_server.wire.faults import misfit


def make_converter() -> cattrs.Converter:
    """pygls' own would make namedtuples of the parameters of custom methods, which stay plain here."""
    return get_converter()


def structure_params(converter: cattrs.Converter, method: str, params: Params) -> Any:
    """The parameters as the class that LSP names for them; those of other methods as they came.

    Raises `JsonRpcInvalidParams`.
    """
    wanted = types.METHOD_TO_TYPES[method][2] if method in types.METHOD_TO_TYPES else None
    if wanted is None:
        return params
    try:
        # Some clients leave out params that have no required member.
        return converter.structure({} if params is None else params, wanted)
    except Exception as error:  # cattrs and its hooks raise whatever the value provokes
        if method == types.INITIALIZE and isinstance(params, dict):
            return structure_initialize(converter, params)
        if method == types.TEXT_DOCUMENT_CODE_ACTION and (plain := _without_diagnostics(params)) is not None:
            return structure_params(converter, method, plain)
        raise JsonRpcInvalidParams(f"{method}: {misfit(error)}") from error


def _without_diagnostics(params: Params) -> Params:
    """The parameters of a code action without other tools' diagnostics, which may be of any form; None if there are none."""
    if not isinstance(params, dict) or not isinstance(params.get("context"), dict):
        return None
    context = cast("dict[str, Any]", params["context"])
    return {**params, "context": {**context, "diagnostics": []}} if context.get("diagnostics") else None


def structure_initialize(converter: cattrs.Converter, params: dict[str, Any]) -> types.InitializeParams:
    """`initialize` without whatever this version of lsprotocol does not understand.

    A newer or careless editor must not lose the whole server over one value.
    """
    kept: dict[str, Any] = {"processId": None, "capabilities": {}}
    for key, value in params.items():
        if key == "capabilities":
            kept[key] = _understood(converter, (), value)
        elif _fits(converter, types.InitializeParams, {**kept, key: value}):
            kept[key] = value
    return converter.structure(kept, types.InitializeParams)


def _understood(converter: cattrs.Converter, path: tuple[str, ...], table: object) -> dict[str, Any]:
    """The entries of a table of capabilities that can be structured where they stand."""
    kept: dict[str, Any] = {}
    entries = cast("dict[str, object]", table) if isinstance(table, dict) else {}
    for key, value in entries.items():
        here = (*path, key)
        if _fits(converter, types.ClientCapabilities, _nested(here, value)):
            kept[key] = value
        elif isinstance(value, dict):
            part = _understood(converter, here, cast("object", value))
            if _fits(converter, types.ClientCapabilities, _nested(here, part)):
                kept[key] = part
        elif isinstance(value, list):
            # Of a set of values those of a newer LSP are left out, and the others kept.
            known = [
                item
                for item in cast("list[object]", value)
                if _fits(converter, types.ClientCapabilities, _nested(here, [item]))
            ]
            if known:
                kept[key] = known
    return kept


def _nested(path: tuple[str, ...], value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


def _fits(converter: cattrs.Converter, kind: type[object], value: object) -> bool:
    try:
        converter.structure(value, kind)
    except Exception:  # whatever is wrong with it, the answer is no
        return False
    return True
