"""Replies as small models really write them, and what becomes of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.engine.mend import Mended, Surroundings, Unusable, mend
from flowmill.engine.reply import first_block_closed, repeats_endlessly
from flowmill.engine.undefined import lookup_of
from flowmill.shapes import FinishReason
from flowmill.source.functions import find, find_functions
from flowmill.source.imports import module_names
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile

SOURCE = b'''"""Words."""
import re


def helper(text):
    return text.strip()


def count(text, *, least=1):
    """Count the words of at least `least` letters."""
    raise NotImplementedError


class Box:
    def size(self, scale):
        """The scaled size."""
        ...

    def other(self):
        return 1
'''


def around(qualname: str = "count") -> Surroundings:
    file = SourceFile.from_bytes(Path("words.py"), SOURCE)
    function = find(file, qualname)
    owner = qualname.rpartition(".")[0]
    siblings = frozenset(f.name for f in find_functions(file) if f.qualname.rpartition(".")[0] == owner)
    return Surroundings(function, frozenset(module_names(file.tree)), "words", siblings)


def mended(reply: str, qualname: str = "count", finish: FinishReason = "stop") -> Mended:
    return mend(reply, finish, around(qualname))


def spliced(reply: str, qualname: str = "count") -> str:
    file = SourceFile.from_bytes(Path("words.py"), SOURCE)
    return splice(file, find(file, qualname), mended(reply, qualname).draft).decode()


BODY = "return len([w for w in text.split() if len(w) >= least])\n"


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\ndef count(text, *, least=1):\n    {BODY}```",
        f"Sure! Here it is:\n\n```py\ndef count(text, *, least=1):\n    {BODY}```\nThis counts words.",
        f"~~~\ndef count(text, *, least=1):\n    {BODY}~~~",
        f"```python\n    def count(text, *, least=1):\n        {BODY}```",
        f"```python\ndef count(text, least=1):\n    '''Another docstring.'''\n    {BODY}```",
        f"```python\ndef count(text, *, least=1):\n    'Count.'\n    '''Again\n\nit.'''\n    'so'\n    {BODY}```",
        f"def count(text, *, least=1):\n    {BODY}",
        f"The function:\n\ndef count(text, *, least=1):\n    {BODY}\nI hope this helps!",
        f"```python\n{BODY}```",
        f"```python\ndef count_words(text, least=1):\n    {BODY}```",
        f"```python\ndef count(text, *, least=1):\n    {BODY}\n\nprint(count('a b'))\nassert count('a') == 1\n```",
        f"```python\ndef count(text, *, least=1):\r\n    {BODY}```".replace("\n", "\r\n"),
        f"```python\nfrom words import helper\n\ndef count(text, *, least=1) -> int:\n    {BODY}",
    ],
)
def test_one_body_comes_out_of_many_forms(reply: str) -> None:
    assert mended(reply).draft.body == BODY


def test_signature_decorators_and_docstring_stay_the_users() -> None:
    text = spliced("```python\n@cache\ndef count(t, l):\n    'no'\n    return len(t)\n```")
    assert 'def count(text, *, least=1):\n    """Count the words of at least `least` letters."""\n' in text
    assert "return len(text)" in text
    assert "@cache" not in text


def test_parameters_are_renamed_by_place_and_nothing_else_is() -> None:
    body = mended("```python\ndef count(s, n=1):\n    x = 's n'\n    return len(s.s) + n\n```").draft.body
    assert body == "x = 's n'\nreturn len(text.s) + least\n"


def test_imports_that_are_declared_or_forgotten_are_brought_along() -> None:
    reply = "```python\nimport os\nfrom math import floor\n\ndef count(text, *, least=1):\n"
    reply += "    return floor(Counter(text)['a']) + len(re.findall('a', text)) + json.loads(text)\n```"
    assert set(mended(reply).draft.imports) == {
        "from math import floor",
        "from collections import Counter",
        "import json",
    }


def test_helpers_come_along_only_if_used_and_new() -> None:
    reply = (
        "```python\nLIMIT = 3\nUNUSED = 4\ndef helper(text):\n    return 0\ndef long_enough(word, n):\n    return len(word) >= n\n"
        "def unused(): pass\ndef count(text, *, least=1):\n    return sum(long_enough(w, LIMIT) for w in helper(text))\n```"
    )
    helpers = mended(reply).draft.helpers
    assert len(helpers) == 2
    assert helpers[0] == "LIMIT = 3"
    assert helpers[1].startswith("def long_enough")


def test_a_method_is_found_in_its_class_and_alone() -> None:
    whole = "```python\nclass Box:\n    def size(self, scale):\n        return self._raw() * scale\n\n    def _raw(self):\n        return 2\n```"
    draft = mended(whole, "Box.size").draft
    assert draft.body == "return self._raw() * scale\n"
    assert draft.methods == ("def _raw(self):\n    return 2",)
    alone = "```python\ndef size(self, scale):\n    return scale\n```"
    assert mended(alone, "Box.size").draft.body == "return scale\n"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("I am sorry, I cannot do that.", "no code"),
        ("```python\ndef count(text, *, least=1):\n    ...\n```", "placeholder"),
        ("```python\ndef count(text, *, least=1):\n    pass\n```", "placeholder"),
        (
            "```python\ndef count(text, *, least=1):\n    # TODO: implement\n    return None\n```",
            "placeholder",
        ),
        (
            "```python\ndef count(text, *, least=1):\n    # ... rest of code here\n    return 1\n```",
            "leaves a part out",
        ),
        (
            "```python\ndef count(text, *, least=1):\n    x = 1\n    ...\n    return x\n```",
            "leaves a part out",
        ),
        ("```python\ndef test_count():\n    assert count('a') == 1\n```", "does not define count"),
        ("```python\ndef one():\n    return 1\ndef two():\n    return 2\n```", "does not define count"),
        ("```python\nclass Other:\n    pass\n```", "cannot be parsed|does not define|no "),
        ("```python\ndef count(:\n```", "cannot be parsed"),
    ],
)
def test_what_is_not_a_draft_says_why(reply: str, why: str) -> None:
    with pytest.raises(Unusable, match=why):
        mended(reply)


def test_an_answer_cut_at_the_limit_is_refused_unless_the_function_was_over() -> None:
    cut = "```python\ndef count(text, *, least=1):\n    total = 0\n    for word in text"
    with pytest.raises(Unusable, match="cut at the token limit"):
        mended(cut, finish="length")
    over = f"```python\ndef count(text, *, least=1):\n    {BODY}\n\ndef more(x):\n    return "
    assert mended(over, finish="length").draft.body == BODY


def test_endless_repetition_is_recognised() -> None:
    assert repeats_endlessly("x = 1\n" + "    y += 1\n" * 20)
    assert repeats_endlessly("    a = 1\n    b = 2\n" * 30)
    assert not repeats_endlessly("".join(f"    case_{n} = {n}\n" for n in range(60)))
    with pytest.raises(Unusable, match="repeats itself"):
        mended("```python\ndef count(text):\n" + "    text = text.strip()\n" * 40)


def test_the_first_closed_block_is_noticed_while_streaming() -> None:
    assert not first_block_closed("```python\ndef f():\n    return 1\n")
    assert first_block_closed("```python\ndef f():\n    return 1\n```\nBecause")


NEIGHBOURS = b'''class Box:
    def __init__(self):
        self.scale = 1

    def other(self, unit, cents=False):
        joined = self.scale * unit
        again = joined + 1
        return joined

    def size(self, unit, explode):
        """The size."""
'''


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("return unit if exploded else 0", "return unit if explode else 0\n"),
        ("return other(unit) + scale", "return self.other(unit) + self.scale\n"),
        ("return joined + unit", "joined = self.scale * unit\nreturn joined + unit\n"),
        ("return unit if cents else 0", "cents = False\nreturn unit if cents else 0\n"),
        ("return colour", "return colour\n"),
        ("return again", "return again\n"),
        ("return [exploded for exploded in unit]", "return [exploded for exploded in unit]\n"),
    ],
)
def test_names_that_nobody_defines_are_those_of_a_neighbour(line: str, body: str) -> None:
    file = SourceFile.from_bytes(Path("boxes.py"), NEIGHBOURS)
    function = find(file, "Box.size")
    around = Surroundings(function, frozenset(module_names(file.tree)), lookup=lookup_of(file, function, ()))
    reply = f"```python\ndef size(self, unit, explode):\n    {line}\n```"
    made = mend(reply, "stop", around)
    assert made.draft.body == body
    assert bool(made.notes) == (body != f"{line}\n")


def test_a_parameter_that_a_shown_function_has_by_default_is_taken_from_there() -> None:
    file = SourceFile.from_bytes(Path("words.py"), SOURCE)
    function = find(file, "count")
    shown = ("def count_in(text, *, least=1, strict=True):\n    ...  # and more",)
    around = Surroundings(
        function, frozenset(module_names(file.tree)), lookup=lookup_of(file, function, shown)
    )
    made = mend("```python\ndef count(text, *, least=1):\n    return strict\n```", "stop", around)
    assert made.draft.body == "strict = True\nreturn strict\n"
