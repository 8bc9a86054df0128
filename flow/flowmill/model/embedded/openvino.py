"""OpenVINO in place of llama.cpp, where the processor multiplies bytes (VNNI): it reads prompts four times as fast.

llama.cpp's prebuilt library knows AVX2 only. OpenVINO wants the weights in a form of its own, which is made
once from the same verified file, in a process that dies with this one, and kept beside it.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowmill.errors import UsageError
from flowmill.machine import machine_cores, machine_memory
from flowmill.model.embedded.batches import Batches
from flowmill.model.embedded.locks import FileLock

MODULE = "openvino_genai"
WIDTH = 4
"""Answers at once: four come at 2.6 times the rate of one (tests/benchmarks/engines.py)."""
STEP = 128
"""Prompt tokens that are read in one pass, half a second on two cores: a cancel is noticed between two."""
BLOCKS = 640
"""Room for the cache of 20,000 tokens, which takes 0.3 GB."""
CONVERTING, SERVING = 8_000_000_000, 4_000_000_000
"""Bytes of memory that a machine needs for it: 3.8 GB are taken while the weights are converted, 2.9 after."""
ROOM = 1.4
"""Size of the converted weights, in sizes of the file; a little is kept free."""
LOCK_POLL = 0.25
PR_SET_PDEATHSIG = 1


class Unsuited(Exception):
    """Why llama.cpp serves, in words."""


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Unless FLOWMILL_ENGINE names the other engine. Raises `UsageError` for what is no engine."""
    name = environ.get("FLOWMILL_ENGINE", "").strip().lower()
    if name not in ("", "openvino", "llama.cpp"):
        raise UsageError(f"FLOWMILL_ENGINE is {name!r}: it can be openvino or llama.cpp")
    return name != "llama.cpp"


def place_for(file: Path) -> Path:
    """Where the converted weights of that file are, or would be."""
    return file.with_name(f"{file.stem}-openvino")


def is_ready(folder: Path) -> bool:
    return (folder / "openvino_model.bin").exists()


def check(file: Path, root: Path = Path("/")) -> None:
    """Raises `Unsuited` where OpenVINO is not wanted, is not there, would not pay, or has no room."""
    if not is_wanted(os.environ):
        raise Unsuited("FLOWMILL_ENGINE says so")
    if importlib.util.find_spec(MODULE) is None:
        raise Unsuited(f"{MODULE} is not installed")
    if sys.platform != "linux" or not _multiplies_bytes(root):
        raise Unsuited("this processor has no VNNI instructions, or does not say so")
    ready, memory = is_ready(place_for(file)), machine_memory(root)
    if memory < (SERVING if ready else CONVERTING):
        raise Unsuited(f"{memory / 1e9:.1f} GB of memory are too little")
    needed = ROOM * file.stat().st_size
    if not ready and shutil.disk_usage(file.parent).free < needed:
        raise Unsuited(f"{file.parent} has no {needed / 1e9:.1f} GB left for the converted weights")


def _multiplies_bytes(root: Path) -> bool:
    try:
        flags = (root / "proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return platform.machine() == "x86_64" and not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)


def convert(file: Path) -> Path:
    """Make the converted weights if they are not there yet: half a minute. Raises `Unsuited` if it fails."""
    folder = place_for(file)
    if not is_ready(folder):
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(file)],
            capture_output=True,
            text=True,
            cwd=file.parent,  # The user's modules must not shadow ours.
            preexec_fn=_die_with_parent,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
            raise Unsuited(f"the weights cannot be converted: {last[0]}")
    return folder


def genai() -> Any:
    """OpenVINO without its telemetry, which would leave files in the user's home and tell its makers of every start."""
    sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType] - importing it then fails
    return importlib.import_module(MODULE)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _convert(file: Path) -> None:
    """Convert the weights, unless another process has done so by the time it is this one's turn."""
    folder = place_for(file)
    with FileLock(folder.with_name(f"{folder.name}.lock")) as lock:
        while not lock.take():
            time.sleep(LOCK_POLL)
        if not is_ready(folder):
            _save(file, folder)


def _save(file: Path, folder: Path) -> None:
    """Read the weights once with the wish that they be saved: OpenVINO saves beside the file that it is given."""
    openvino = genai()
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    link = part / file.name
    link.symlink_to(file)
    openvino.Tokenizer(str(link), enable_save_ov_model=True)
    openvino.LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
    link.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def batches(file: Path, context: int, idle: float) -> Batches:
    """The model, loaded. Raises `Unsuited`, and whatever OpenVINO does."""
    check(file)
    folder = convert(file)
    openvino = genai()
    return Batches(openvino, lambda: _pipeline(openvino, folder), context, idle)


def _pipeline(openvino: Any, folder: Path) -> Any:
    """Loaded and warm: the first pass takes seconds, since the code for it is made then."""
    scheduler = openvino.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.num_kv_blocks = BLOCKS
    scheduler.max_num_seqs = 2 * WIDTH
    scheduler.max_num_batched_tokens = STEP
    tokenizer = openvino.Tokenizer(str(folder))
    pipeline = openvino.ContinuousBatchingPipeline(
        str(folder), tokenizer, scheduler, "CPU", INFERENCE_NUM_THREADS=machine_cores()
    )
    pipeline.generate(["def"], [openvino.GenerationConfig(max_new_tokens=1, apply_chat_template=False)])
    return pipeline


if __name__ == "__main__":
    _convert(Path(sys.argv[1]))
