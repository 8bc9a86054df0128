"""The editor's `project` and `python`, which only the disk can tell to be bad: then they are named, and the defaults taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowmill.errors import UsageError
from flowmill.options import BY_NAME, BadValue
from flowmill.project.interpreter import find_python
from flowmill.project.root import find_root

WHERE = "the editor's settings"
INSTEAD = "the default is used"


def usable(
    editor: Mapping[str, object], file: Path, folder: Path | None, environ: Mapping[str, str]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """The settings without those that no run could begin with, and a line for each of these."""
    root, problem = project_root(editor, file, folder)
    kept = {key: value for key, value in editor.items() if key != "project" or not problem}
    problems = [problem] if problem else []
    python = kept.get("python")
    if isinstance(python, str):
        try:
            find_python(root, python, environ, given_from=f"{WHERE}: python")
        except UsageError as error:
            del kept["python"]
            problems.append(f"{error}; {INSTEAD}")
    return kept, tuple(problems)


def project_root(editor: Mapping[str, object], file: Path, folder: Path | None) -> tuple[Path, str]:
    """The project's root for a file, and why it is not the one that the editor names, if it is not."""
    given, problem = editor.get("project"), ""
    if given is not None and given != "":
        try:
            named = Path(str(BY_NAME["project"].read(given)))
            find_root(None, named, folder)
            try:
                return find_root(file, named, folder), ""
            except UsageError:
                # Without the file's name, so that it is told once and not for each.
                problem = f"{WHERE}: project: not all that is open here is in {given}; for the rest {INSTEAD}"
        except BadValue as error:
            # In the words of all other settings.
            problem = f"{WHERE}: project = {given!r} must be {error}; {INSTEAD}"
        except UsageError as error:
            problem = f"{WHERE}: project: {error}; {INSTEAD}"
    return find_root(file, None, folder), problem
