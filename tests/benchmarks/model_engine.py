"""The embedded model's engine with its threads and `poll` chosen; model_beside.py starts it."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from typing import Any

from flowmill.model.embedded.engine import EngineOrder, parameters


def main() -> None:
    args = parser().parse_args()
    parent = os.getppid()
    order = EngineOrder(**json.loads(sys.stdin.readline()))
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever native code prints belongs to the log
    llama: Any = importlib.import_module("xllamacpp")
    server: Any = llama.Server(tuned(parameters(order, llama), args.threads, args.poll))
    answer.write(json.dumps({"base_url": f"{server.listening_address}/v1"}) + "\n")
    answer.close()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)  # native threads need no farewell


def tuned(params: Any, threads: int, poll: int) -> Any:
    """The parameters that flowmill chose, with other threads; `poll` is how long they spin for work, 0 to 100."""
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads, cpu.poll = threads, poll
    return params


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, prog="model_engine.py")
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--poll", type=int, required=True)
    return p


if __name__ == "__main__":
    main()
