"""Several answers written in one pass of the model, by OpenVINO's continuous batching.

A pass over the weights costs about the same for one answer as for four, so four that are asked for
together come in a little more than the time of one; prompts that begin alike are read once.
"""

from __future__ import annotations

import gc
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

ENDS = (
    "<|endoftext|>", "<|im_end|>",
    "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
"""Tokens after which Qwen's models begin something else; they are no part of the decoded text."""
BLOCK = 32
"""Tokens that the cache of prompts keeps or drops together."""
REMEMBERED = 16
"""Prompts that are remembered to tell how much of a new one was cached."""
NAP = 0.2
UNFINISHED = "\ufffd"
"""What a character is decoded to whose last bytes are still to come."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One answer that is asked for: the whole text so far, in the model's own notation, and how to go on."""

    text: str
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The last that is heard of an answer; `failure` is why there is none, in words."""

    finish: str
    prompt: int
    cached: int
    completion: int
    failure: str = ""


@dataclass(slots=True)
class Answer:
    """An answer on its way: pieces of text, then `Ended`. `cancelled` may be set from any thread."""

    wanted: Wanted
    heard: queue.SimpleQueue[str | Ended] = field(default_factory=queue.SimpleQueue[str | Ended])
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class _Writing:
    """What the model has written of an answer, and how much of that was passed on."""

    answer: Answer
    handle: Any
    prompt: int
    cached: int
    ids: list[int] = field(default_factory=list[int])
    said: int = 0

    def tell(self, text: str, *, last: bool) -> bool:
        """Pass on what is new and certain; True if a stop text ends the answer here."""
        ends = [at for stop in self.answer.wanted.stop if (at := text.find(stop)) >= 0]
        certain = min(ends) if ends else len(text) if last else _certain(text, self.answer.wanted.stop)
        if certain > self.said:
            self.answer.heard.put(text[self.said : certain])
            self.said = certain
        return bool(ends)

    def end(self, finish: str) -> None:
        self.answer.heard.put(Ended(finish, self.prompt, self.cached, len(self.ids)))


def _certain(text: str, stops: Sequence[str]) -> int:
    """How many characters cannot be the beginning of a stop text or half of a character."""
    whole = len(text.rstrip(UNFINISHED))
    held = (n for stop in stops for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[:n], 0, whole))
    return whole - max(held, default=0)


class Batches:
    """Writes answers in a thread of its own. `load` gives OpenVINO's pipeline and may be called again
    after `idle` seconds without work, when the model has left memory."""

    def __init__(self, genai: Any, load: Callable[[], Any], context: int, idle: float) -> None:
        self._genai = genai
        self._load = load
        self._context = context
        self._idle = idle
        self._pipeline: Any = load()
        self._ends = self._numbers(ENDS)
        self._inbox: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._writing: list[_Writing] = []
        self._read: deque[tuple[int, ...]] = deque(maxlen=REMEMBERED)
        self._asked = 0
        self.left_memory = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    @property
    def busy(self) -> int:
        """How many answers are being written, or wait for the next pass."""
        return len(self._writing) + self._inbox.qsize()

    def ask(self, wanted: Wanted) -> Answer:
        answer = Answer(wanted)
        self._inbox.put(answer)
        return answer

    def _work(self) -> None:
        worked = time.monotonic()
        while True:
            if self._writing or not self._inbox.empty():
                worked = time.monotonic()
                self._pass()
            elif self._pipeline is not None and time.monotonic() - worked > self._idle:
                self._pipeline = None
                self._read.clear()
                gc.collect()
                self.left_memory.set()
            else:
                self._wait()

    def _wait(self) -> None:
        try:
            answer = self._inbox.get(timeout=NAP)
        except queue.Empty:
            return
        self._begin(answer)

    def _pass(self) -> None:
        """Take in what was asked meanwhile, and write the next token of every answer."""
        while not self._inbox.empty():
            self._begin(self._inbox.get())
        for writing in self._writing:
            if writing.answer.cancelled.is_set():
                writing.handle.cancel()
                writing.end("stop")
        self._writing = [w for w in self._writing if not w.answer.cancelled.is_set()]
        if self._pipeline is None:  # it could not be loaded
            return
        try:
            self._pipeline.step()
            self._writing = [writing for writing in self._writing if not self._hear(writing)]
        except Exception as error:  # of whatever kind: the thread has to live for those who ask next
            self._fail(str(error))

    def _begin(self, answer: Answer) -> None:
        try:
            self._take_in(answer)
        except Exception as error:  # as above; the model may have to be loaded again first
            answer.heard.put(Ended("stop", 0, 0, 0, str(error)))

    def _take_in(self, answer: Answer) -> None:
        if self._pipeline is None:
            self._pipeline = self._load()
            self.left_memory.clear()
        wanted = answer.wanted
        tokenizer = self._pipeline.get_tokenizer()
        inputs = tokenizer.encode(wanted.text, add_special_tokens=False).input_ids
        ids = tuple(int(i) for i in inputs.data[0])
        if len(ids) + 1 > self._context:
            words = f"the prompt has {len(ids)} tokens: it exceeds the context size of {self._context}"
            answer.heard.put(Ended("length", len(ids), 0, 0, words))
            return
        self._asked += 1
        config = self._config(wanted, len(ids))
        handle = self._pipeline.add_request(self._asked, inputs, config)
        self._writing.append(_Writing(answer, handle, len(ids), self._cached(ids)))
        self._read.append(ids)

    def _config(self, wanted: Wanted, prompt: int) -> Any:
        config = self._genai.GenerationConfig()
        config.max_new_tokens = max(1, min(wanted.max_tokens, self._context - prompt))
        config.apply_chat_template = False
        config.stop_token_ids = self._ends
        config.do_sample = wanted.temperature > 0
        if config.do_sample:
            config.temperature, config.top_p = wanted.temperature, wanted.top_p
            config.rng_seed = wanted.seed
        return config

    def _numbers(self, words: Sequence[str]) -> set[int]:
        """Of those words that are one token each."""
        tokenizer = self._pipeline.get_tokenizer()
        found = [tokenizer.encode(word, add_special_tokens=False).input_ids.data[0] for word in words]
        return {int(ids[0]) for ids in found if len(ids) == 1}

    def _cached(self, ids: tuple[int, ...]) -> int:
        """Tokens of whole blocks that an earlier prompt began with, too; the last one is always read."""
        best = max((_common(ids, other) for other in self._read), default=0)
        return min(best, len(ids) - 1) // BLOCK * BLOCK

    def _hear(self, writing: _Writing) -> bool:
        """Pass on what the last pass brought; True if the answer has ended with it."""
        finish = ""
        while writing.handle.can_read():
            for output in writing.handle.read().values():
                writing.ids += output.generated_ids
                finish = _FINISH.get(output.finish_reason.name, "")
        text = self._pipeline.get_tokenizer().decode(writing.ids)
        if writing.tell(text, last=bool(finish)) and not finish:
            writing.handle.cancel()
            finish = "stop"
        if finish:
            writing.end(finish)
        return bool(finish)

    def _fail(self, words: str) -> None:
        for writing in self._writing:
            writing.handle.cancel()
            writing.answer.heard.put(Ended("stop", writing.prompt, 0, len(writing.ids), words))
        self._writing = []


_FINISH = {"STOP": "stop", "LENGTH": "length"}


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
