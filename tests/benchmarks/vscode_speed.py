"""What the extension costs a real VS Code, and how soon it answers; medians over new windows.

    python tests/benchmarks/vscode_speed.py

Prints the time that VS Code's extension host took to activate the extension, the extension's own part of it, the time
from the click on "Generate with flow" to the first change in the window by the browser's clock, and the size of the
package. `.ci/editors/vscode.sh` installs the editor; the model is scripted.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from doubles.projects import CALC_FILES, GOOD, write
from doubles.vscode import STATUS, Window, write_script
from doubles.vscode_parts import VSIX, CodeServer, Wire, installed
from editors.vscode.conftest import QUIET, environment, scripted

HOST = ".runtime-extensions-editor .monaco-list-row"


def main() -> None:
    parser = argparse.ArgumentParser(description="What the extension costs VS Code, and how soon it answers.")
    parser.add_argument("--windows", type=int, default=9, help="how many windows are opened (9)")
    count = int(parser.parse_args().windows)
    wire = Wire(installed())
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(wire, Path(folder), count)
    finally:
        wire.close()


def measure(wire: Wire, folder: Path, count: int) -> None:
    """Print one line for each figure."""
    project = write(folder, CALC_FILES)
    server = CodeServer(installed(), folder / "code", environment(folder))
    host: list[float] = []
    first: list[float] = []
    with scripted(write_script(folder / "script.json", [{"chunks": [GOOD], "delay": 0.1}])) as address:
        server.configure(**(QUIET | {"flowmill.interpreter": sys.executable, "flowmill.baseUrl": address}))
        server.start()
        try:
            for _ in range(count):
                with Window(server, wire, project) as window:
                    window.open("calc.py", 12)
                    window.status(r"flow$")
                    window.menu("Generate with flow")
                    window.arm(STATUS, "starting|draft|first look")
                    window.pick("Generate with flow")
                    first.append(window.took())
                    window.status("add 4/4")
                    window.command("Developer: Show Running Extensions")
                    shown = window.until(HOST, r"Flow\s.*Activation: \d+ms")
                    host.append(float(re.findall(r"Activation: (\d+)ms", shown)[0]))
            own = [float(found) for found in re.findall(r"Activated in ([\d.]+) ms", server.log("Flow.log"))]
        finally:
            server.stop()
    for what, values in (
        ("activation, host", host),
        ("activation, own", own),
        ("click to first change", first),
    ):
        print(
            f"{what:24} median {statistics.median(values):6.1f} ms, most {max(values):6.1f} ({len(values)})"
        )
    print(f"{VSIX.name:24} {VSIX.stat().st_size / 1024 / 1024:.2f} MB")


if __name__ == "__main__":
    main()
