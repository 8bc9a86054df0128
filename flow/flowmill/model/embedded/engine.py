"""The process that holds the model: served by OpenVINO where that pays, else by llama.cpp's own server, through xllamacpp.

It is a process of its own because loading keeps Python's interpreter lock for
seconds and a crash in native code takes the process with it. It reads what to
serve as one JSON line on stdin, answers one line with its address on stdout, and
runs until its parent is gone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flowmill.machine import machine_cores
from flowmill.model.embedded import openvino
from flowmill.model.embedded.api import Api

PREFILL_STEP = 32
"""Tokens that are read at once. The server sees a closed connection only between two
steps; on two cores 32 take half a second, at 62 tokens a second; 256 would take three, at 76."""
GPU_PREFILL_STEP = 512
REPEATED, GUESSED = 10, 16
"""After so many tokens that the prompt has too, so many of what follows there are guessed and checked in one
step: a repair, which repeats most of a function, comes 1.2 to 1.5 times as fast; the words stay the same."""


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """What to serve. `context` is tokens per conversation, `parallel` how many at once."""

    name: str
    file: str
    api_key: str
    port: int = 0
    context: int = 8192
    parallel: int = 2
    idle: int = 600
    """Seconds without a request after which the model leaves memory; the next one loads it again."""
    cache_mib: int = 512
    """Memory for the prompts of conversations that have no slot at the moment."""
    batches: bool = False
    """Whether OpenVINO can read the file and what it serves of OpenAI's interface is enough."""

    def to_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def threads(cores: int) -> int:
    """All of two cores, one less of more: its threads spin, and the tests need a core."""
    return cores if cores <= 2 else cores - 1


def parameters(order: EngineOrder, llama: Any) -> Any:
    """The order in xllamacpp's words."""
    params = llama.CommonParams()
    params.model.path = order.file
    params.model_alias = {order.name}
    params.n_ctx = order.context * order.parallel
    params.n_parallel = order.parallel
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads(machine_cores())
    params.n_batch = params.n_ubatch = GPU_PREFILL_STEP if sys.platform == "darwin" else PREFILL_STEP
    params.speculative.types = [llama.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = REPEATED, GUESSED
    params.cache_prompt = True
    params.cache_ram_mib = order.cache_mib
    params.sleep_idle_seconds = order.idle
    params.warmup = True
    params.offline = True
    params.ui = False
    params.verbosity = 2
    params.hostnames = ["127.0.0.1"]
    params.port = order.port
    params.api_keys = [order.api_key]
    return params


def main() -> int:
    parent = os.getppid()
    order = EngineOrder(**json.loads(sys.stdin.readline()))
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever native code prints belongs to the log
    serving: Any = serve_batches(order) if order.batches else None
    if serving is None:
        llama = importlib.import_module("xllamacpp")  # has no types, and brings 100 MB of native code
        serving = llama.Server(parameters(order, llama))
    answer.write(json.dumps({"base_url": f"{serving.listening_address}/v1"}) + "\n")
    answer.close()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)  # native threads need no farewell


def serve_batches(order: EngineOrder) -> Api | None:
    """OpenVINO's server, None where it does not suit or fails: the log says why."""
    try:
        batches = openvino.batches(Path(order.file), order.context, order.idle)
        api = Api(order.port, batches, order.name, order.api_key, order.context, openvino.WIDTH)
    except Exception as error:  # whatever ails it, llama.cpp can do the work
        print(f"llama.cpp serves instead of OpenVINO: {error}", file=sys.stderr, flush=True)
        return None
    threading.Thread(target=api.serve_forever, daemon=True).start()
    return api


if __name__ == "__main__":
    sys.exit(main())
