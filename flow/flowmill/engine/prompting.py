"""Prompts from their files: one long prefix that all calls of a run share, then what varies."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from flowmill.context.shapes import told_once
from flowmill.engine.desk import Task
from flowmill.shapes import Message, Prompt

STOPS = ("\n```", "\nif __name__", "\nassert ", "\nprint(")
"""Where a function that the model was made to continue has ended. A free answer gets none:
its opening fence looks like a closing one."""
LONG_DOCSTRING = 300


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("flowmill", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # prompts are not HTML
    )


def template(name: str) -> Template:
    return _environment().get_template(f"{name}.md.j2")


def task_prefix(task: Task) -> str:
    """The part of the user's message that is the same in every call of a run."""
    context = task.context
    return template("task").render(
        module=context.module,
        klass=context.klass,
        definitions=context.definitions,
        neighbours=context.neighbours,
        callers=context.callers,
        calls=context.calls,
        tests=told_once(context.tests),
        waiting=context.waiting,
        header=textwrap.dedent(context.header).strip("\n"),
        body=_under(task, context.body),
        rejected=task.rejected,
    )


def _under(task: Task, body: str) -> str:
    return textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") if body else ""


def prompt_for(
    task: Task,
    stage: str,
    variables: Mapping[str, object],
    *,
    prefill: str = "",
    temperature: float = 0.0,
    max_tokens: int = 0,
    prose: bool = False,
) -> Prompt:
    """The prompt of one stage; variables that its file names and that are missing here fail loudly."""
    name = task.function.name
    words = task_prefix(task) + "\n" + template(stage).render(name=name, **variables)
    begun = prefill if task.profile.prefills else ""
    return Prompt(
        messages=(Message("system", template("system").render()), Message("user", words.strip())),
        prefill=begun,
        temperature=temperature,
        top_p=task.profile.top_p if temperature else 1.0,
        max_tokens=max_tokens or task.profile.reply,
        stop=STOPS if begun and not prose else (),
    )


def header_prefill(task: Task, first_words: str = "") -> str:
    """The beginning of an answer that is the user's own function, up to where its body begins.

    A long docstring is left out: the whole one stands in the prompt, and what is drafted keeps the
    user's anyway. Cut to its first line, it made a small model write the rest of it again.
    """
    function = task.function
    signature = textwrap.dedent(function.header[: function.header_end - function.start]).strip("\n")
    doc = (ast.get_docstring(function.node) or "").strip()
    lines = ["```python", signature]
    if doc and len(doc) <= LONG_DOCSTRING:
        quoted = doc.replace("\\", "\\\\").replace('"""', r"\"\"\"")
        lines.append(textwrap.indent(f'"""{quoted}"""', "    ", lambda line: bool(line.strip())))
    if first_words:
        lines.append(textwrap.indent(first_words, "    "))
        return "\n".join(lines)
    return "\n".join(lines) + "\n"
