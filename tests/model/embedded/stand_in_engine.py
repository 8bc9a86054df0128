"""An engine without a model: speaks what the launcher relies on, and fails on demand.

Usage: stand_in_engine.py NOTES [--gate FILE] [--crash TEXT]. Appends its process id
to the file NOTES. With a gate it loads until that file exists.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONTEXT = 1234


class Handler(BaseHTTPRequestHandler):
    key = ""

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200, {"status": "ok"})
        elif self.headers.get("Authorization") != f"Bearer {self.key}":
            self._answer(401, {"error": {"message": "Invalid API Key"}})
        elif self.path == "/props":
            self._answer(200, {"default_generation_settings": {"n_ctx": CONTEXT}})
        elif self.path == "/die":
            print("something broke", file=sys.stderr, flush=True)
            os._exit(7)
        else:
            self._answer(404, {})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notes", type=Path)
    parser.add_argument("--gate", type=Path)
    parser.add_argument("--crash")
    options = parser.parse_args()
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    with options.notes.open("a") as notes:
        notes.write(f"{os.getpid()}\n")
    if options.crash:
        sys.exit(options.crash)
    while options.gate and not options.gate.exists():
        time.sleep(0.02)
    Handler.key = order["api_key"]
    server = ThreadingHTTPServer(("127.0.0.1", order["port"]), Handler)
    print(json.dumps({"base_url": f"http://127.0.0.1:{server.server_port}/v1"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
