"""JSON to classes: what a careless or a newer editor sends must not cost the user the server."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from flowmill_server.wire.shaping import make_converter, structure_params

CONVERTER = make_converter()


def shaped(method: str, params: Any) -> Any:
    return structure_params(CONVERTER, method, params)


def test_custom_methods_get_what_was_sent() -> None:
    assert shaped("flow/run", {"position": {"line": 1}}) == {"position": {"line": 1}}


def test_params_may_be_left_out_where_nothing_is_required() -> None:
    assert shaped("initialized", None) == types.InitializedParams()
    assert shaped("shutdown", None) is None
    assert shaped("shutdown", {}) == {}


@pytest.mark.parametrize("params", [None, [], {}, {"textDocument": 3}, {"textDocument": {"uri": None}}])
def test_wrong_params_are_named_in_one_line(params: Any) -> None:
    with pytest.raises(JsonRpcInvalidParams, match=r"^textDocument/didOpen: [^\n]+$"):
        shaped("textDocument/didOpen", params)


def test_capabilities_that_nobody_understands_are_left_out() -> None:
    capabilities: Any = {
        "window": {"workDoneProgress": True, "showDocument": 17},
        "textDocument": {
            "codeAction": {
                "disabledSupport": True,
                "tagSupport": {"valueSet": ["what", 1, 99]},
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "new.kind"]}},
            },
            "hover": [],
        },
        "workspace": 5,
        "unheard": {"of": True},
    }
    found = shaped("initialize", {"processId": 4, "capabilities": capabilities})
    assert found.process_id == 4
    assert found.capabilities.window.work_done_progress
    assert found.capabilities.text_document.code_action.disabled_support
    assert found.capabilities.text_document.code_action.code_action_literal_support
    assert found.capabilities.text_document.code_action.tag_support.value_set == (1,)
    assert found.capabilities.workspace is None


@pytest.mark.parametrize("odd", [{"tags": [3]}, {"severity": 0}, {"range": None}])
def test_another_tools_odd_diagnostic_does_not_cost_the_menu(odd: dict[str, object]) -> None:
    place = {"line": 1, "character": 0}
    extent = {"start": place, "end": place}
    context = {"diagnostics": [{"range": extent, "message": "odd"} | odd], "only": ["refactor"]}
    params = {"textDocument": {"uri": "file:///a.py"}, "range": extent, "context": context}
    found = shaped("textDocument/codeAction", params)
    assert (found.context.diagnostics, found.context.only) == ((), ("refactor",))
    with pytest.raises(JsonRpcInvalidParams, match=r"^textDocument/codeAction: "):
        shaped("textDocument/codeAction", params | {"range": None})


@pytest.mark.parametrize("capabilities", [None, [], 3, "x"])
def test_no_capabilities_at_all(capabilities: object) -> None:
    found = shaped("initialize", {"processId": None, "capabilities": capabilities})
    assert found.capabilities == types.ClientCapabilities()


def test_what_initialize_says_wrongly_is_as_if_it_was_not_said() -> None:
    params = {"processId": "x", "workspaceFolders": 3, "clientInfo": {"name": "an editor"}, "trace": "loud"}
    found = shaped("initialize", params)
    assert (found.process_id, found.workspace_folders, found.trace) == (None, None, None)
    assert found.client_info == types.ClientInfo("an editor")
    with pytest.raises(JsonRpcInvalidParams, match=r"^initialize: "):
        shaped("initialize", [1])
