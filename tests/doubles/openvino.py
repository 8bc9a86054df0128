"""OpenVINO's pipeline without a model: the words are real, the thinking is scripted.

One character is one token, and so are the two marks below. Each pass writes one character of every answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

MARKS = {"<|im_end|>": "|", "<|file_sep|>": "~"}
"""The end of an answer in a conversation, and of one that fills a hole in a file."""


class Tokenizer:
    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        assert not add_special_tokens
        text = MARKS.get(text, text)
        return SimpleNamespace(input_ids=SimpleNamespace(data=[[ord(c) for c in text]]))

    def decode(self, ids: list[int]) -> str:
        """A surrogate pair's halves are two tokens, of which the first alone is no character."""
        text = "".join(chr(i) for i in ids)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@dataclass
class Handle:
    """An answer of the pipeline."""

    left: list[int]
    config: Any
    written: int = 0
    new: list[int] = field(default_factory=list[int])
    reason: str = "NONE"
    cancelled: bool = False

    def can_read(self) -> bool:
        return bool(self.new)

    def read(self) -> dict[int, Any]:
        ids, self.new = self.new, []
        return {0: SimpleNamespace(generated_ids=ids, finish_reason=SimpleNamespace(name=self.reason))}

    def cancel(self) -> None:
        self.cancelled = True


class Pipeline:
    """Answers each prompt with `answer(prompt)`; `step` waits for `gate`, and fails once `broken` is set."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.handles: list[Handle] = []
        self.together = 0
        self.gate = threading.Event()
        self.gate.set()
        self.broken = ""

    def get_tokenizer(self) -> Tokenizer:
        return Tokenizer()

    def add_request(self, number: int, inputs: Any, config: Any) -> Handle:
        prompt = "".join(chr(i) for i in inputs.data[0])
        self.asked.append((prompt, config))
        data = self._answer(prompt).encode("utf-16-le", "surrogatepass")
        units = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
        handle = Handle(units, config)
        self.handles.append(handle)
        return handle

    def step(self) -> None:
        self.gate.wait()
        if self.broken:
            raise RuntimeError(self.broken)
        running = [h for h in self.handles if not h.cancelled and h.reason == "NONE"]
        self.together = max(self.together, len(running))
        for handle in running:
            handle.new.append(handle.left.pop(0))
            handle.written += 1
            if not handle.left:
                handle.reason = "STOP"
            elif handle.written >= handle.config.max_new_tokens:
                handle.reason = "LENGTH"


GENAI = SimpleNamespace(GenerationConfig=SimpleNamespace)
