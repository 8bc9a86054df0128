from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from doubles.trees import write_tree
from flowmill.cli.doctor import main, show
from flowmill.cli.doctor_checks import Check
from flowmill.cli.doctor_model import free_memory
from flowmill.trust import is_trusted

MODELS = json.dumps({"data": [{"id": "tiny"}, {"id": "big"}]})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "FLOWMILL_BASE_URL",
        "OPENAI_BASE_URL",
        "FLOWMILL_API_KEY",
        "OPENAI_API_KEY",
        "FLOWMILL_MODEL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FLOWMILL_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "root", {"pyproject.toml": "", "test_a.py": "def test_a(): pass\n"})


@contextmanager
def serving(
    status: int, body: str, headers: dict[str, str] | None = None
) -> Generator[tuple[str, list[str]]]:
    """A server that answers every GET alike; yields its address and what it was asked for, with which key."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Report = dict[str, dict[str, str]]


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Report]:
    # Not every machine has a sandbox; what is said of it has tests of its own.
    code = main(["--json", "--python", sys.executable, "--sandbox", "off", *arguments])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return code, {line["name"]: line for line in lines}


def test_all_is_well(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(200, MODELS) as (url, asked):
        code, report = doctor(capsys, "--project", str(root), "--base-url", url, "--model", "tiny")
    assert code == 0
    assert {name: line["state"] for name, line in report.items() if line["state"] != "ok"} == {
        "sandbox": "warning"
    }
    assert report["pytest"]["found"] == pytest.__version__
    assert "1 test file" in report["project"]["found"]
    assert asked == ["/v1/models None"]
    assert sorted(path.name for path in root.iterdir()) == ["pyproject.toml", "test_a.py"]


@pytest.mark.parametrize(
    ("status", "body", "state", "said"),
    [
        (401, "", "failed", "it wants a key and none is set"),
        (404, "", "warning", "does not list its models"),
        (500, "", "failed", "not as a model server answers"),
        (200, "<html>", "failed", "not as a model server answers"),
        (302, "", "failed", "302"),
        (200, '{"data": [{"id": "huge"}]}', "warning", "tiny is not in its list"),
    ],
)
def test_what_a_server_answers(
    root: Path, capsys: pytest.CaptureFixture[str], status: int, body: str, state: str, said: str
) -> None:
    with serving(status, body, {"Location": "http://127.0.0.1:9/"}) as (url, asked):
        code, report = doctor(capsys, "--project", str(root), "--base-url", url, "--model", "tiny")
    assert (report["model"]["state"], code) == (state, 4 if state == "failed" else 0)
    assert said in report["model"]["found"]
    assert report["model"]["remedy"]
    assert len(asked) == 1


def test_the_key_is_sent_and_never_shown(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWMILL_API_KEY", "sk-secret-secret-2")
    with serving(403, "") as (url, asked):
        code, report = doctor(capsys, "--project", str(root), "--base-url", url)
    assert asked == ["/v1/models Bearer sk-secret-secret-2"]
    assert (code, "the key is refused" in report["model"]["found"]) == (4, True)
    assert "secret" not in str(report)


def test_nobody_listens(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(200, "") as (url, _):
        pass
    code, report = doctor(capsys, "--project", str(root), "--base-url", url)
    assert (code, report["model"]["state"]) == (4, "failed")
    assert "Connection refused" in report["model"]["found"]


def test_the_embedded_model_is_not_there_yet(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = doctor(capsys, "--project", str(root), "--model", "0.5b")
    assert (code, report["model"]["remedy"]) == (4, "flowmill model pull qwen2.5-coder-0.5b")
    code, report = doctor(capsys, "--project", str(root), "--model", "7b")
    assert (code, report["model"]["state"]) == (4, "failed")


def test_no_pytest_in_the_interpreter(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = tmp_path / "bare/bin/python"
    with serving(200, MODELS) as (url, _):
        code, report = doctor(capsys, "--project", str(root), "--base-url", url, "--python", str(python))
    assert (code, report["pytest"]["found"]) == (3, "not installed in that interpreter")
    assert report["pytest"]["remedy"] == f'"{python}" -m pip install --upgrade pytest'


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("exit 3", 3, "exited with 3"),
        ("echo hello", 3, "does not answer as Python does"),
        ("""echo '{"version": [3, 6, 1], "pytest": "7"}'""", 3, "Python 3.6.1"),
    ],
)
def test_an_interpreter_that_will_not_do(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, code: int, said: str
) -> None:
    python = tmp_path / "odd"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    ended, report = doctor(capsys, "--project", str(root), "--python", str(python))
    assert (ended, report["interpreter"]["state"]) == (code, "failed")
    assert said in report["interpreter"]["found"]
    ended, report = doctor(capsys, "--project", str(root), "--python", str(tmp_path / "none"))
    assert (ended, "no such interpreter" in report["interpreter"]["found"]) == (2, True)


def test_trust_is_shown_and_given(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = {"base-url": "http://127.0.0.1:9/v1", "sandbox": "off"}
    lines = "".join(f'{key} = "{value}"\n' for key, value in table.items())
    write_tree(root, {"pyproject.toml": f"[tool.flowmill]\n{lines}"})
    _, report = doctor(capsys, "--project", str(root))
    assert report["trust"]["found"] == "[tool.flowmill] sets base-url, sandbox, which is ignored"
    assert "not trusted" in report["settings"]["found"]
    assert "embedded" in report["model"]["found"]
    _, report = doctor(capsys, "--project", str(root), "--trust")
    assert is_trusted(root, table)
    assert report["trust"]["found"] == "you trust this project to set base-url, sandbox"
    assert report["model"]["found"].startswith("http://127.0.0.1:9/v1 from [tool.flowmill]")


def test_a_cache_that_cannot_be_written(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {"file": ""})
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "file/cache"))
    _, report = doctor(capsys, "--project", str(root))
    assert report["cache"]["state"] == "failed"
    assert "FLOWMILL_CACHE_DIR" in report["cache"]["remedy"]


def test_a_damaged_journal_is_told(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tree(
        tmp_path / "cache", {"journal.sqlite3": "not a database, but long enough to be read as one " * 20}
    )
    _, report = doctor(capsys, "--project", str(root))
    assert report["journal"]["state"] == "warning"


def test_the_screen_says_what_to_do_and_fits_plain_terminals() -> None:
    checks = [Check("good", "ok", "fine"), Check("bad [x]", "failed", "broken [red]", "mend it", 3)]
    out = io.StringIO()
    show(checks, Console(file=out, soft_wrap=True, highlight=False))
    lines = out.getvalue().splitlines()
    assert lines[0] == "✓ good     fine"
    assert lines[1:3] == ["✗ bad [x]  broken [red]", "           → mend it"]
    assert lines[-1] == "flowmill generate would not work: bad [x]"
    raw = io.BytesIO()
    plain = io.TextIOWrapper(raw, encoding="ascii")
    show(checks, Console(file=plain, soft_wrap=True, highlight=False))
    plain.flush()
    assert raw.getvalue().startswith(b"ok good     fine\nXX bad [x]  broken [red]\n    mend it\n")


def test_free_memory_is_unknown_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert free_memory(tmp_path / "none") is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    7 kB\n")
    assert free_memory(tmp_path / "meminfo") == 7 * 1024
