"""Where the server comes from: installed by the extension, or the environment selected in the Python extension."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doubles.projects import CALC_FILES, GOOD, write
from doubles.vscode import NOTICE_BUTTON, ROW, STATUS, Window, shots_folder, write_script
from doubles.vscode_parts import VSIX, CodeServer, Wire, editors_folder, installed
from editors.vscode.conftest import QUIET, environment, scripted

pytestmark = pytest.mark.timeout(400)
MICROSOFTS = editors_folder() / "ms-python.vsix"
"""The real one, which no registry of packages has: built by hand from its repository."""
STAND_IN = """\
const vscode = require("vscode");
const selected = (place) => vscode.workspace.getConfiguration("python", place).get("defaultInterpreterPath");
exports.activate = () => {
  const changed = new vscode.EventEmitter();
  vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("python") && changed.fire({}));
  return {
    environments: {
      getActiveEnvironmentPath: (place) => ({ id: "", path: selected(place) }),
      resolveEnvironment: async ({ path }) => ({ executable: { uri: vscode.Uri.file(path) } }),
      onDidChangeActiveEnvironmentPath: changed.event,
    },
  };
};
"""
IN_TWO = """\
import sys

import calc


def test_in_two():
    assert calc.add(1, 1) == 2
    assert sys.prefix.endswith("/two")
"""


@pytest.fixture(params=["stand-in", "microsofts"])
def python_extension(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A `.vsix` that is called ms-python.python."""
    if request.param == "microsofts":
        if not MICROSOFTS.exists():
            pytest.skip(f"Microsoft's Python extension is not in {MICROSOFTS}")
        return MICROSOFTS
    vsix = tmp_path / "stand-in.vsix"
    setting = {"type": "string", "scope": "machine-overridable"}
    about = {
        "name": "python",
        "publisher": "ms-python",
        "version": "1.0.0",
        "engines": {"vscode": "^1.90.0"},
        "main": "main.js",
        "activationEvents": ["onLanguage:python"],
        "contributes": {"configuration": {"properties": {"python.defaultInterpreterPath": setting}}},
    }
    identity = '<Identity Id="python" Publisher="ms-python" Version="1.0.0" Language="en-US"/>'
    schema = "http://schemas.microsoft.com/developer/vsx-schema/2011"
    with zipfile.ZipFile(vsix, "w") as archive:
        archive.writestr("extension/package.json", json.dumps(about))
        archive.writestr("extension/main.js", STAND_IN)
        archive.writestr(
            "extension.vsixmanifest",
            f'<PackageManifest Version="2.0.0" xmlns="{schema}"><Metadata>{identity}</Metadata></PackageManifest>',
        )
    return vsix


def python_environment(folder: Path) -> Path:
    """An environment that has flowmill and pytest by way of the tests' own; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    own = sysconfig.get_path("purelib")
    Path(packages, "own.pth").write_text(f"import site; site.addsitedir({own!r})\n")
    program = folder / "bin" / "flowmill"
    program.write_text(
        f"#!{folder}/bin/python\nimport sys\nfrom flowmill.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return folder / "bin" / "python"


@contextmanager
def code_server(folder: Path, *extensions: Path, **env: str) -> Generator[CodeServer]:
    """One that has been told nothing of where the server is."""
    hidden = str(Path(sys.prefix) / "bin")
    path = os.pathsep.join(entry for entry in os.environ["PATH"].split(os.pathsep) if entry != hidden)
    home = folder / "home"
    home.mkdir(parents=True)
    server = CodeServer(
        installed(), folder, {**environment(folder), "PATH": path, "HOME": str(home), **env}, extensions
    )
    try:
        server.configure(**QUIET)
        server.start()
        yield server
    finally:
        server.stop()


def generates(w: Window, tests: int) -> None:
    w.at(12)
    w.generate()
    w.status(f"add {tests}/{tests}")
    w.command("Flow: Accept Result")
    w.source_until(r"return a \+ b")


def test_the_extension_installs_the_server_that_it_brings(wire: Wire, tmp_path: Path, project: Path) -> None:
    # What the wheel needs is in the tests' own environment; no test fetches hundreds of megabytes.
    own = {
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_IGNORE_INSTALLED": "1",
    }
    script = write_script(tmp_path / "script.json", [{"chunks": [GOOD]}])
    with scripted(script) as address, code_server(tmp_path / "code", VSIX, **own) as code:
        code.configure(**{"flowmill.baseUrl": address})
        with Window(code, wire, project, shots=shots_folder("install")) as w:
            w.open("calc.py", 12)
            w.status("not installed")
            assert w.texts(NOTICE_BUTTON) == ["Install", "Set Path"]
            w.shot("offer")
            w.click(STATUS)
            w.click(ROW, "Install the server")
            w.status("flow$", 200)
            w.shot("installed")
            generates(w, 4)
        assert "found by the extension's own environment" in code.log("Flow.log")
        assert list((tmp_path / "code").glob("data/User/globalStorage/*flowmill/server/*/bin/flowmill"))


def test_the_environment_that_is_selected(wire: Wire, tmp_path: Path, python_extension: Path) -> None:
    one, two = (python_environment(tmp_path / "environments" / name) for name in ("one", "two"))
    project = write(tmp_path, {**CALC_FILES, "test_two.py": IN_TWO})
    script = write_script(tmp_path / "script.json", [{"chunks": [GOOD]}])
    with scripted(script) as address, code_server(tmp_path / "code", python_extension, VSIX) as code:
        code.configure(**{"flowmill.baseUrl": address, "python.defaultInterpreterPath": str(one)})
        with Window(code, wire, project, shots=shots_folder(f"selected {python_extension.stem}")) as w:
            w.open("calc.py", 12)
            w.status("flow$")
            w.shot("one")
            w.arm(STATUS, "flow…")
            code.configure(**{"python.defaultInterpreterPath": str(two)})
            w.press("Escape")
            w.took()
            w.status("flow$")
            generates(w, 5)
            w.shot("two")
        log = code.log("Flow.log")
    first, second = (log.find(f"Starting {python.parent}/flowmill server") for python in (one, two))
    assert 0 <= first < second
    assert log.count("(found by the selected Python environment)") == 2
