"""A real S3 server on loopback, and a proxy before it that does what networks and servers do on bad nights.

Here: starting and ending both. Not here: what must hold meanwhile. The server is SeaweedFS, whose binary comes as a
Python package; it takes any key.
"""

from __future__ import annotations

import http.client
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Literal, get_args

import pytest

from pipelines.store.bucket import Bucket, StoreFault

STARTS_WITHIN_SECONDS = 60
LONGEST_SILENCE_SECONDS = 20.0
ACCESS = {
    "aws_access_key_id": "any",
    "aws_secret_access_key": "any",
    "aws_region": "us-east-1",
}
_PORTS = ("master", "volume", "filer", "s3")

Fault = Literal["refused", "refused after", "dropped", "dropped after", "silent", "silent after", "late", "cut"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""A 5xx, a closed connection, no answer: before the request was carried out or after it. late: it is carried out when
the client has given up. cut: half a body."""


class S3Server:
    """One server with its folder; it can be killed and started again where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with ExitStack() as held:
            free = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2 * len(_PORTS))]
            ports = [listening.getsockname()[1] for listening in free]
        self._ports = dict(
            zip([f"{name}{kind}" for kind in (".port", ".port.grpc") for name in _PORTS], ports, strict=True)
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._ports["s3.port"]

    def start(self) -> None:
        """Start it; returns once it has taken a bucket and an object."""
        program = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if program is None:
            pytest.skip("no SeaweedFS beside this Python: run `make setup`")
        self._folder.mkdir(exist_ok=True)
        ports = [f"-{name}={number}" for name, number in self._ports.items()]
        command = [
            program, "server", f"-dir={self._folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *ports,
            "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=4096", "-volume.max=64",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + STARTS_WITHIN_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < until, f"the S3 server did not start within {STARTS_WITHIN_SECONDS} s"

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def bucket(self, prefix: str, *, port: int | None = None, request_seconds: float = 30.0, tries: int = 3) -> Bucket:
        """Objects below a prefix, asked for with little patience. port: of a proxy before it."""
        options = tuple(self.access(port).items())
        return Bucket(f"s3://bucket/{prefix}", request_seconds, tries, pause_seconds=0.01, options=options)

    def environment(self) -> dict[str, str]:
        """The variables that other programs find it by."""
        return {name.upper(): value for name, value in self.access().items()} | {"AWS_ALLOW_HTTP": "true"}

    def access(self, port: int | None = None) -> dict[str, str]:
        """What a client is to be told. port: of a proxy before it."""
        return {**ACCESS, "aws_endpoint_url": f"http://127.0.0.1:{port or self.port}"}

    def _answers(self) -> bool:
        with suppress(OSError, http.client.HTTPException, StoreFault):
            asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            asked.request("PUT", "/bucket")
            asked.getresponse().read()
            self.bucket("started", tries=1).write("object", b"whole")
            return True
        return False


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A running server."""
    server = S3Server(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class FaultyProxy:
    """Hands requests on to a server; while `share` is above zero, that share of them goes wrong."""

    def __init__(self, port: int, seed: int) -> None:
        """port: of the server."""
        self.upstream, self.share, self.injected = port, 0.0, 0
        self._chance = Random(seed)
        self._changed, self._busy = threading.Condition(), 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @contextmanager
    def request(self) -> Iterator[Fault | None]:
        """One request, and what it meets."""
        with self._changed:
            self._busy += 1
            fault = self._chance.choice(FAULTS) if self._chance.random() < self.share else None
            self.injected += fault is not None
        try:
            yield fault
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def wait_until_idle(self) -> None:
        """Until no request is on its way, those included that their client has given up."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._busy == 0, timeout=60)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    proxy: FaultyProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        with self.server.proxy.request() as fault, suppress(OSError):
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            if fault in ("silent", "late"):
                self._be_silent()
            carried_out = fault is None or fault in ("late", "cut") or "after" in fault
            answer = self._upstream(sent) if carried_out else (503, [], b"")
            if fault == "silent after":
                self._be_silent()
            if fault in (None, "cut"):
                self._answer(*answer, half=fault == "cut")
            elif "refused" in fault:
                self._answer(500 if carried_out else 503, [], b"")
            if fault is not None and "refused" not in fault:
                self.close_connection = True
                self.connection.close()

    do_PUT = do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815

    def _be_silent(self) -> None:
        """Until the client has given up."""
        select.select([self.connection], [], [], LONGEST_SILENCE_SECONDS)

    def _upstream(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        asked = http.client.HTTPConnection("127.0.0.1", self.server.proxy.upstream, timeout=30)
        try:
            asked.request(self.command, self.path, body, dict(self.headers))
            answer = asked.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            asked.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, half: bool = False) -> None:
        self.send_response(status)
        told = {name.lower(): value for name, value in headers}
        length = told.get("content-length", "0") if self.command == "HEAD" else str(len(body))
        for name, value in {**told, "content-length": length}.items():
            if name not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if half else body)
        self.wfile.flush()
