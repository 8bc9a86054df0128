"""What one model on one server accepts, learnt from its refusals, and the request written accordingly."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from flowmill.model.faults import Said, is_too_long
from flowmill.model.profiles import ServerKind, is_reasoning
from flowmill.shapes import Message, ModelProfile, Prompt

_CONTINUE = ("add_generation_prompt", "continue_final_message")
_OPTIONAL = ("temperature", "top_p", "seed", "stop", "stream_options", *_CONTINUE)
_AT_MOST = re.compile(
    r"(?:at most|less than or equal to|maximum(?: value)?(?: is| of)?|<=?|up to)\s*(\d+)", re.I
)
_PREFILL_REFUSED = re.compile(r"prefill|last message|final message|trailing whitespace|assistant", re.I)
_SYSTEM_REFUSED = re.compile(r"system (?:role|message|prompt)|role[^a-z]*system|'system'", re.I)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Immutable: each refusal yields a narrower one, so that learning ends."""

    dropped: frozenset[str] = frozenset()
    limit_name: str = "max_tokens"
    most: int | None = None
    """The longest answer that the model agrees to, in tokens."""
    folds_prefill: bool = False
    folds_system: bool = False


def dialect_of(profile: ModelProfile, server: ServerKind) -> Dialect:
    """What is known before the first call."""
    dropped: set[str] = set()
    if is_reasoning(profile.name) and server in ("hosted", "openrouter", "unknown"):
        dropped |= {"temperature", "top_p"}
    if server not in ("vllm", "unknown"):  # The others take the trailing message alone.
        dropped |= set(_CONTINUE)
    if server not in ("embedded", "llamacpp"):
        dropped.add("return_progress")
    newer = is_reasoning(profile.name) and server in ("hosted", "unknown")
    limit_name = "max_completion_tokens" if newer else "max_tokens"
    return Dialect(frozenset(dropped), limit_name, folds_prefill=not profile.prefills)


def request_body(prompt: Prompt, model: str, dialect: Dialect) -> dict[str, object]:
    """The JSON of one streamed chat completion, or of a plain one for a raw prompt."""
    limit = prompt.max_tokens if dialect.most is None else min(prompt.max_tokens, dialect.most)
    continues = bool(prompt.prefill) and not dialect.folds_prefill and not prompt.raw
    optional: dict[str, object] = {
        "temperature": prompt.temperature,
        "top_p": prompt.top_p,
        "seed": prompt.seed,
        "stream_options": {"include_usage": True},
        # llama.cpp notices a closed stream only when it writes: this makes it write while it reads a prompt.
        "return_progress": True,
    }
    if prompt.stop:
        optional["stop"] = list(prompt.stop)
    if continues:
        optional |= {"add_generation_prompt": False, "continue_final_message": True}
    kept = {name: value for name, value in optional.items() if name not in dialect.dropped}
    messages = [{"role": message.role, "content": message.text} for message in _messages(prompt, dialect)]
    asked: dict[str, object] = {"prompt": prompt.raw} if prompt.raw else {"messages": messages}
    return {"model": model, "stream": True, dialect.limit_name: limit} | asked | kept


def _messages(prompt: Prompt, dialect: Dialect) -> list[Message]:
    messages = list(prompt.messages)
    if dialect.folds_system and messages and messages[0].role == "system":
        system, *rest = messages
        first = rest.pop(0).text if rest and rest[0].role == "user" else ""
        messages = [Message("user", f"{system.text}\n\n{first}".rstrip()), *rest]
    if not prompt.prefill:
        return messages
    if not dialect.folds_prefill:
        return [*messages, Message("assistant", prompt.prefill)]
    wish = f"Begin your answer with exactly this text and go on from there:\n{prompt.prefill}"
    if messages and messages[-1].role == "user":
        return [*messages[:-1], Message("user", f"{messages[-1].text}\n\n{wish}")]
    return [*messages, Message("user", wish)]


def narrowed(dialect: Dialect, status: int, answer: Said, body: dict[str, object]) -> Dialect | None:
    """The dialect that avoids what the server refused in that body; None if it is about something else."""
    if status not in (400, 422, 500) or is_too_long(answer):
        return None
    parameters = None if status == 500 else _parameter(dialect, answer, body)
    return parameters or _roles(dialect, answer, body)


def _parameter(dialect: Dialect, answer: Said, body: dict[str, object]) -> Dialect | None:
    blamed = answer.param.rpartition(".")[2]
    if blamed == dialect.limit_name or (not blamed and _names(answer, dialect.limit_name)):
        return _limit(dialect, answer)
    sent = [name for name in _OPTIONAL if name in body]
    refused = {name for name in sent if name == blamed} or {name for name in sent if _names(answer, name)}
    if refused & set(_CONTINUE):
        refused |= set(_CONTINUE)
    return replace(dialect, dropped=dialect.dropped | refused) if refused else None


def _limit(dialect: Dialect, answer: Said) -> Dialect | None:
    if dialect.limit_name == "max_tokens" and _names(answer, "max_completion_tokens"):
        return replace(dialect, limit_name="max_completion_tokens")
    most = _AT_MOST.search(answer.message.replace(",", ""))
    if most and dialect.most is None and int(most[1]) > 0:
        return replace(dialect, most=int(most[1]))
    return None


def _roles(dialect: Dialect, answer: Said, body: dict[str, object]) -> Dialect | None:
    roles = _roles_of(body)
    if roles[-1:] == ["assistant"] and not dialect.folds_prefill and _PREFILL_REFUSED.search(answer.message):
        return replace(dialect, folds_prefill=True)
    if roles[:1] == ["system"] and not dialect.folds_system and _SYSTEM_REFUSED.search(answer.message):
        return replace(dialect, folds_system=True)
    return None


def _roles_of(body: dict[str, object]) -> list[str]:
    messages = body.get("messages", [])
    assert isinstance(messages, list)
    return [str(message["role"]) for message in messages]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _names(answer: Said, name: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?!\w)", answer.message) is not None


class EchoFilter:
    """Takes the prefill off the beginning of an answer that repeats it, and passes all else on."""

    def __init__(self, prefill: str) -> None:
        self._wanted = prefill.lstrip()
        self._held = ""
        self._decided = not self._wanted

    def feed(self, text: str) -> str:
        """What can be passed on now; holds back only what may yet turn out to be the prefill."""
        if self._decided:
            return text
        self._held += text
        begun = self._held.lstrip()
        if len(begun) < len(self._wanted) and self._wanted.startswith(begun):
            return ""
        self._decided = True
        return begun[len(self._wanted) :] if begun.startswith(self._wanted) else self._held

    def rest(self) -> str:
        """What was held back when the answer ended."""
        if self._decided:
            return ""
        self._decided = True
        return self._held
