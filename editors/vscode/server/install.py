"""Puts the server into an environment of its own: `python install.py FOLDER WHEELS`.

The extension runs it in a terminal that the user sees. WHEELS has flowmill's own wheel; what that needs comes from the
package index, or from WHEELS alone where the extension was packaged with everything. FOLDER is made anew; its program
`flowmill` is the last thing to appear there. Environments of other versions beside it are removed then.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LEAST = (3, 10)


def install(folder: Path, wheels: Path) -> str:
    """What went wrong, in one line; "" if nothing did."""
    if sys.version_info < LEAST:
        version = sys.version.split()[0]
        return f"flowmill needs Python 3.10 or newer, and {sys.executable} is {version}: select another one"
    own = sorted(wheels.glob("flowmill-*.whl"))
    if not own:
        return f"there is no wheel of flowmill in {wheels}: install the extension anew"
    shutil.rmtree(folder, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(folder)]).returncode:
        return "no environment could be made (on Debian and Ubuntu: apt install python3-venv), or take uv tool install flowmill"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    alone = ["--no-index"] if len(list(wheels.glob("*.whl"))) > 1 else []
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--find-links", str(wheels)]
    if subprocess.run([*pip, *alone, str(own[-1])]).returncode:
        return "flowmill could not be installed; what pip says is above"
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return ""


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1]), Path(sys.argv[2])) or 0)
