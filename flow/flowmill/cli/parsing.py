"""How every command reads its arguments: what is wrong is one line, with the nearest of what there is."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NoReturn, cast

from flowmill.errors import UsageError

_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")
_CHOICE = re.compile(r"argument (.+?): invalid choice: '(.*)' \(choose from (.*)\)")
_VALUE = re.compile(r"argument (\S+): invalid (int|float) value: (.*)")
_NUMBERS = {"int": "a whole number", "float": "a number"}


class Parser(argparse.ArgumentParser):
    """argparse's own would print its whole usage, and end the process itself."""

    def error(self, message: str) -> NoReturn:
        command = self.prog.removeprefix("flowmill ")
        raise UsageError(f"{command}: {self._said(message)}; see {self.prog} --help")

    def _said(self, message: str) -> str:
        if unknown := _UNKNOWN.match(message):
            known = [name for name in _options(self) if len(name) > 2]
            option = unknown[1].partition("=")[0]
            return f"no option {option}{_nearest(option, known)}" if option[:1] == "-" else message
        if choice := _CHOICE.match(message):
            known = [name.strip("' ") for name in choice[3].split(",")]
            near = _nearest(choice[2], known) or f": there are {', '.join(known)}"
            return f"no command {choice[2]!r}{near}"
        if value := _VALUE.match(message):
            return f"{value[1]} {value[3]}: must be {_NUMBERS[value[2]]}"
        return message.removeprefix("argument ")


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The options of a command and of those below it."""
    for action in parser._actions:  # there is no other way to ask for them
        yield from action.option_strings
        choices: object = action.choices
        for inner in cast("Mapping[str, object]", choices).values() if isinstance(choices, Mapping) else ():
            if isinstance(inner, argparse.ArgumentParser):
                yield from _options(inner)


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, dict.fromkeys(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]}?" if near else ""
