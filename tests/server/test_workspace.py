from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsprotocol import types

from doubles.editor import EditorOf
from flowmill_server.workspace import (
    IS_GENERATED,
    IS_INSTALLED,
    NOT_PYTHON,
    NOTEBOOK,
    OFF_DISK,
    OUTSIDE,
    TEST_FILE,
    UNSAVED,
    Folders,
    is_generated,
)

ROOT = Path("/projects/shop")
HIDDEN = {OFF_DISK, NOT_PYTHON, OUTSIDE, IS_INSTALLED, IS_GENERATED}


@dataclass
class Opened:
    uri: str
    path: Path | None = None
    language: str = "python"
    lines: list[str] = field(default_factory=list[str])


def at(path: str, language: str = "python", text: str = "x = 1\n") -> Opened:
    """A file; a relative one is in the folder."""
    place = ROOT / path
    return Opened(place.as_uri(), place, language, text.splitlines(keepends=True))


def folder(path: Path) -> types.WorkspaceFolder:
    return types.WorkspaceFolder(path.as_uri(), path.name)


def folders(*paths: Path, root_uri: str | None = None, root_path: str | None = None) -> Folders:
    found = Folders()
    params = types.InitializeParams(types.ClientCapabilities(), root_uri=root_uri, root_path=root_path)
    params.workspace_folders = [folder(path) for path in paths]
    found.learn(params)
    return found


def change(of: Folders, added: list[Path], removed: list[Path]) -> None:
    of.change(types.WorkspaceFoldersChangeEvent([folder(a) for a in added], [folder(r) for r in removed]))


# ------------------------------------------------------------------ which folders
def test_the_newest_field_counts() -> None:
    assert folders(ROOT, root_uri="file:///old", root_path="/older").roots == (ROOT,)
    assert folders(root_uri="file:///old", root_path="/older").roots == (Path("/old"),)
    assert folders(root_path="/older").roots == (Path("/older"),)
    assert folders().roots == ()


def test_uris_are_decoded_and_kept_as_the_client_spells_them() -> None:
    found = Folders()
    uris = ("file:///projects/my%20shop/", "vscode-vfs://github/a/b", "file:///b%C3%BCro", "file://[", "")
    given = [types.WorkspaceFolder(uri, "") for uri in uris]
    found.learn(types.InitializeParams(types.ClientCapabilities(), workspace_folders=given))
    assert found.roots == (Path("/projects/my shop"), Path("/büro"))
    assert found.uri(Path("/projects/my shop")) == "file:///projects/my%20shop/"


def test_the_innermost_folder_holds_a_file() -> None:
    found = folders(ROOT, ROOT / "packages/core")
    assert found.root_of(ROOT / "packages/core/src/a.py") == ROOT / "packages/core"
    assert found.root_of(ROOT / "packages/other/a.py") == ROOT
    assert found.root_of(ROOT) == ROOT
    assert found.root_of(Path("/projects/shop2/a.py")) is None


def test_folders_come_and_go() -> None:
    found, other = folders(ROOT), Path("/projects/other")
    document = at("/projects/other/a.py")
    assert found.reason(document) == OUTSIDE
    change(found, [other], [ROOT])
    assert found.roots == (other,)
    assert (found.reason(document), found.reason(at("a.py"))) == ("", OUTSIDE)
    change(found, [], [Path("/never/there"), other])
    assert (found.roots, found.reason(at("a.py"))) == ((), "")


async def test_a_link_and_its_place_are_one_folder(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "tests").mkdir(parents=True)
    link.symlink_to(real)
    found = folders(link)
    inside = real / "a.py"
    document = Opened(inside.as_uri(), inside)
    assert found.reason(document) == OUTSIDE
    await found.settle()
    assert found.root_of(inside) == link
    assert found.reason(document) == ""
    test = real / "tests/helper.py"
    assert found.reason(Opened(test.as_uri(), test)) == TEST_FILE


# ------------------------------------------------------------------ which files
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (at("a.py"), ""),
        (at("src/shop/cart.py"), ""),
        (at("gui.pyw"), ""),
        (at("A.PY"), ""),
        (at("a.py", language=""), ""),
        (at("a.py", language="Python"), ""),
        (at("a.pyi"), NOT_PYTHON),
        (at("a.txt"), NOT_PYTHON),
        (at("script"), NOT_PYTHON),
        (at("a.py", language="plaintext"), NOT_PYTHON),
        (at("a.rs", language="rust"), NOT_PYTHON),
        (Opened("untitled:Untitled-1"), UNSAVED),
        (Opened("untitled:Untitled-1", language="sql"), NOT_PYTHON),
        (Opened("vscode-notebook-cell:/projects/shop/a.ipynb#W0sZmlsZQ"), NOTEBOOK),
        (Opened("vscode-notebook-cell:/projects/shop/a.ipynb#W0", language="markdown"), NOT_PYTHON),
        (at("a.ipynb"), NOTEBOOK),
        (Opened("git:/projects/shop/a.py?ref"), OFF_DISK),
        (Opened("flow:/run/7/draft.py"), OFF_DISK),
        (Opened("vscode-vfs://github/a/b.py"), OFF_DISK),
        (at("test_cart.py"), TEST_FILE),
        (at("cart_test.py"), TEST_FILE),
        (at("src/conftest.py"), TEST_FILE),
        (at("shop/tests.py"), TEST_FILE),
        (at("shop/testing/test.py"), ""),
        (at("tests/helpers.py"), TEST_FILE),
        (at("testing.py"), ""),
        (at("contest.py"), ""),
        (at("/projects/elsewhere/a.py"), OUTSIDE),
        (at(".venv/lib/python3.12/site-packages/six.py"), IS_INSTALLED),
        (at("env/lib/python3.12/json/decoder.py"), IS_INSTALLED),
        (at("node_modules/node-gyp/gyp/a.py"), IS_INSTALLED),
        (at("build/lib/shop/cart.py"), IS_INSTALLED),
        (at("packages/core/build/lib/a.py"), IS_INSTALLED),
        (at("src/build/__main__.py"), ""),
        (at("lib/python/cart.py"), ""),
        (at("lib/pythonic/cart.py"), ""),
        (at("env/cart.py"), ""),
    ],
    ids=lambda value: value.uri if isinstance(value, Opened) else None,
)
def test_reasons(document: Opened, reason: str) -> None:
    found = folders(ROOT)
    for _ in range(2):  # and as it is remembered
        assert found.reason(document) == reason
        assert found.offered(document) is (reason not in HIDDEN)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/home/me/a.py", ""),
        ("/home/me/tests/project/a.py", ""),
        ("/home/me/build/a.py", ""),
        ("/home/me/test_a.py", TEST_FILE),
        ("/usr/lib/python3.12/json/decoder.py", IS_INSTALLED),
        ("/opt/env/lib/python3.12/site-packages/six.py", IS_INSTALLED),
    ],
)
def test_a_file_without_any_folder(path: str, reason: str) -> None:
    assert folders().reason(at(path)) == reason


def test_what_lies_above_the_folder_does_not_count() -> None:
    root = Path("/data/build/tests/venv/shop")
    document = Opened((root / "a.py").as_uri(), root / "a.py")
    assert folders(root).reason(document) == ""


def test_the_head_is_read_at_each_question() -> None:
    found, document = folders(ROOT), at("a.py")
    assert found.reason(document) == ""
    document.lines.insert(0, "# Code generated by protoc. DO NOT EDIT.\n")
    assert (found.reason(document), found.offered(document)) == (IS_GENERATED, False)
    del document.lines[0]
    assert found.reason(document) == ""


@pytest.mark.parametrize(
    ("text", "generated"),
    [
        ("# -*- coding: utf-8 -*-\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n", True),
        ("#!/usr/bin/env python\n#\n# Autogenerated by Thrift Compiler (0.9.3)\n", True),
        ("# @generated SignedSource<<abc>>\n", True),
        ("\ufeff# Code generated by sqlc.\n", True),
        ("# generated by datamodel-codegen:\n#   filename: api.yaml\n", True),
        ("# Generated from Expr.g4 by ANTLR 4.13.1\n", True),
        ("# file generated by setuptools-scm\n", True),
        ("# This file was automatically generated by SWIG\n", True),
        ("# Form implementation generated from reading ui file 'main.ui'\n", True),
        (
            '"""\n    Pets\n\n    The class is auto generated by a tool.\n\n    Do not edit the class manually.\n"""\n',
            True,
        ),
        ('r"""Do not edit."""\n', True),
        ("", False),
        ("# Generated by Django 5.0 on 2026-01-01\n", False),
        ('"""Reports generated by the users of the site."""\n', False),
        ('"""Code that is generated from templates."""\n', False),
        ("import os\n\n# DO NOT EDIT below\n", False),
        ('WARNING = "do not edit"\n', False),
        ('"""Head."""\nx = 1\n"""Do not edit."""\n', False),
        ("\n" * 20 + "# DO NOT EDIT\n", False),
    ],
)
def test_generated(text: str, generated: bool) -> None:
    assert is_generated(text.splitlines(keepends=True)) is generated


def test_what_is_remembered_is_bounded() -> None:
    found = folders(ROOT)
    for number in range(1200):
        found.reason(at(f"module_{number}.py"))
    assert len(found._places) <= 500


async def test_the_real_server_follows_the_clients_folders(editor: EditorOf, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "late.py").write_text("def late():\n    ...\n")
    following = await editor()
    buffer = following.open(str(other / "late.py"))
    assert await following.code_actions(buffer, "def late") == []
    for added, removed, titles in (([other], [], ["Generate with flow"]), ([], [other], [])):
        event = types.WorkspaceFoldersChangeEvent([folder(a) for a in added], [folder(r) for r in removed])
        params = types.DidChangeWorkspaceFoldersParams(event)
        following.notify(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, params)
        found = await following.code_actions(buffer, "def late")
        assert [action.title for action in found] == titles
