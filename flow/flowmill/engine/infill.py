"""The prompt of a model that fills holes: the tests as one file of a project, then the user's own file around the body.

What is written into a file looks more like the rest of it than an answer in a conversation does, and costs no more
than the body. Notation: Hui et al. 2024, Qwen2.5-Coder Technical Report.
"""

from __future__ import annotations

from flowmill.context.shapes import told_once
from flowmill.engine.desk import Task
from flowmill.shapes import HoleMarks, Prompt

BEFORE, AFTER, TESTS = 4500, 1200, 4000
"""Characters of the file on both sides of the body, and of the tests: 2,800 tokens in all."""
BEGINNING = 800
"""Of those before it, what the file begins with, which are its imports mostly."""


def infill_prompt(task: Task, marks: HoleMarks, *, begun: str = "", temperature: float) -> Prompt:
    """What asks for the body alone, or for what comes after its first words `begun`.

    The answer reads as if it began with the user's own header.
    """
    function, text = task.function, task.text
    header_end = function.docstring[1] if function.docstring else function.header_end
    project, *_ = path = task.around.module_name.split(".")
    tests = task.context.tests
    shown = _whole_lines("\n\n".join(told_once(tests)), TESTS)
    test_file = tests[0].id.partition("::")[0] if tests else ""
    parts = (
        f"{marks.project}{project}\n",
        f"{marks.file}{test_file}\n{shown}\n" if tests else "",
        f"{marks.file}{'/'.join(path)}.py\n",
        f"{marks.before}{_before(text[:header_end])}\n{function.body_indent}{begun}",
        f"{marks.after}{_whole_lines(text[function.end :], AFTER)}{marks.written}",
    )
    signature = text[function.start : function.header_end]
    outer = function.indent
    return Prompt(
        messages=(),
        prefill=f"```python\n{signature}\n{function.body_indent}{begun}",
        raw="".join(parts),
        temperature=temperature,
        top_p=task.profile.top_p if temperature else 1.0,
        max_tokens=task.profile.reply,
        stop=tuple(f"\n{outer}{word}" for word in ("def ", "async def ", "class ", "@")),
    )


def _before(text: str) -> str:
    if len(text) <= BEFORE:
        return text
    return _whole_lines(text, BEGINNING) + "\n\n" + text[-(BEFORE - BEGINNING) :].partition("\n")[2]


def _whole_lines(text: str, size: int) -> str:
    """So many characters from its beginning, without the line in which they end."""
    return text if len(text) <= size else text[:size].rpartition("\n")[0]
