"""A loopback internet: real hosts' names, real wire formats, faults on demand, every request counted.

Here: one server that answers for many hosts, either as a TLS-terminating CONNECT proxy with a CA of its own
(clients are sent there by environment variables alone) or at plain addresses for clients with a
configurable base, and the script of faults. Not here: what the services say when they are well
(tests.upstream.services).

Everything is bounded: threads are daemons, a hang ends when the server does, and `Loopback` is a context
manager.
"""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in</body></html>"
LONGEST_HANG_SECONDS = 20.0


@dataclass(frozen=True)
class Request:
    """One request as the server saw it."""

    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.host}{self.path}?{'&'.join(f'{k}={v}' for k, v in self.query.items())}"


@dataclass(frozen=True)
class Answer:
    """What a service says."""

    body: bytes | str
    status: int = 200
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


Service = Callable[[Request], Answer]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    answer: replaces the service's answer. hang: says nothing until the client gives up. drop: closes
    without a word. cut: announces the whole body and closes after half of it. short: sends half of the body
    as if it were all. rewrite: the service's own body, changed.
    """

    kind: Literal["answer", "hang", "drop", "cut", "short", "rewrite"]
    answer: Answer | None = None
    rewrite: Callable[[str], str] | None = None


HANG, DROP, CUT, SHORT = Fault("hang"), Fault("drop"), Fault("cut"), Fault("short")
HTML_200 = Fault("answer", Answer(HTML, content_type="text/html"))


def status(code: int, *, retry_after: str | None = None, body: bytes | str = HTML) -> Fault:
    """An error status, with a page as its body unless another is given."""
    headers = {"retry-after": retry_after} if retry_after is not None else {}
    return Fault("answer", Answer(body, code, "text/html", headers))


FAULTS = (status(429), status(429, retry_after="5"), status(500), status(502), status(503), DROP, CUT, SHORT, HTML_200)
"""What a service does on a bad night, short of hanging."""


def answering(body: bytes | str, content_type: str = "application/json") -> Fault:
    """This body with 200."""
    return Fault("answer", Answer(body, content_type=content_type))


def rewriting(change: Callable[[str], str]) -> Fault:
    """The service's body, changed."""
    return Fault("rewrite", rewrite=change)


@dataclass
class _Rule:
    needle: str
    faults: list[Fault]
    forever: bool


class Script:
    """Which requests go wrong, and how."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._random: tuple[random.Random, float, Sequence[Fault], str] | None = None

    def fail(self, needle: str, *faults: Fault, forever: bool = False) -> None:
        """Requests whose address contains the needle meet these faults, one each; forever repeats the last."""
        with self._lock:
            self._rules.append(_Rule(needle, list(faults), forever))

    def fail_at_random(self, share: float, seed: int, faults: Sequence[Fault], needle: str = "") -> None:
        """That share of the requests meets one of the faults."""
        with self._lock:
            self._random = (random.Random(seed), share, faults, needle)

    def clear(self) -> None:
        """All services are well again."""
        with self._lock:
            self._rules.clear()
            self._random = None

    def next_for(self, request: Request) -> Fault | None:
        """The fault this request meets."""
        address = str(request)
        with self._lock:
            for rule in self._rules:
                if rule.needle in address and rule.faults:
                    return rule.faults[0] if rule.forever and len(rule.faults) == 1 else rule.faults.pop(0)
            if self._random is not None:
                chance, share, faults, needle = self._random
                if needle in address and chance.random() < share:
                    return chance.choice(list(faults))
        return None


class Loopback:
    """The server; use it as a context manager."""

    def __init__(self, services: Mapping[str, Service], folder: Path) -> None:
        """services: one per host name. folder: where the CA's certificate goes."""
        self.services = dict(services)
        self.script = Script()
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._authority = _Authority(folder)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    # ------------------------------------------------------------------ where clients find it
    @property
    def address(self) -> str:
        """The server itself."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, host: str, path: str = "") -> str:
        """A plain address that answers for a host."""
        return f"{self.address}/~{host}{path}"

    def environment(self) -> dict[str, str]:
        """Variables that send every client here under the services' real names."""
        bundle = str(self._authority.bundle)
        proxies = {"HTTPS_PROXY": self.address, "https_proxy": self.address, "NO_PROXY": "", "no_proxy": ""}
        return {**proxies, "SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle}

    # ------------------------------------------------------------------ what was asked
    def count(self, needle: str = "") -> int:
        """How many requests had the needle in their address."""
        with self._lock:
            return sum(needle in str(request) for request in self.requests)

    def forget(self) -> None:
        """Count from zero again."""
        with self._lock:
            self.requests.clear()

    # ------------------------------------------------------------------ for the handler
    def note(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def wait_for_the_end(self) -> None:
        self._stopped.wait(LONGEST_HANG_SECONDS)

    def context_for(self, host: str) -> ssl.SSLContext:
        return self._authority.context_for(host)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    loopback: Loopback

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _tunnel = ""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        host = self.path.rpartition(":")[0]
        self.send_response(200, "Connection established")
        self.end_headers()
        secured = self.server.loopback.context_for(host).wrap_socket(self.connection, server_side=True)
        self.connection = self.request = secured
        self.rfile, self.wfile = secured.makefile("rb", -1), secured.makefile("wb", 0)
        self._tunnel, self.close_connection = host, False

    def do_GET(self) -> None:
        loopback = self.server.loopback
        request = self._request()
        loopback.note(request)
        fault = loopback.script.next_for(request)
        if fault is not None and fault.kind == "hang":
            loopback.wait_for_the_end()
        if fault is not None and fault.kind in ("hang", "drop"):
            self._close()
            return
        answer = (fault.answer if fault is not None else None) or self._serve(request)
        body = answer.encoded()
        if fault is not None and fault.rewrite is not None:
            body = fault.rewrite(body.decode()).encode()
        announced = len(body)
        if fault is not None and fault.kind in ("cut", "short"):
            body = body[: len(body) // 2]
        if fault is not None and fault.kind == "short":
            announced = len(body)
        self._send(answer, body, announced)
        if announced != len(body):
            self._close()

    do_POST = do_GET  # noqa: N815

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        host, path = self._tunnel, parts.path
        if path.startswith("/~"):
            host, _, rest = path[2:].partition("/")
            path = f"/{rest}"
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(host, unquote(path), query, {k.lower(): v for k, v in self.headers.items()})

    def _serve(self, request: Request) -> Answer:
        service = self.server.loopback.services.get(request.host)
        return service(request) if service is not None else Answer(HTML, 404, "text/html")

    def _send(self, answer: Answer, body: bytes, announced: int) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", answer.content_type)
        self.send_header("content-length", str(announced))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _close(self) -> None:
        self.close_connection = True
        self.connection.close()


class _Authority:
    """A certificate authority that lives as long as a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback authority")])
        self._certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def context_for(self, host: str) -> ssl.SSLContext:
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._new_context(host)
            return self._contexts[host]

    def _new_context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(subject, key, x509.SubjectAlternativeName([x509.DNSName(host)]))
        path = self._folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(path)
        return context

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        today = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - timedelta(days=2))
            .not_valid_after(today + timedelta(days=2))
            .add_extension(extension, critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


@contextmanager
def loopback(services: Mapping[str, Service], folder: Path) -> Iterator[Loopback]:
    """A running loopback internet."""
    with Loopback(services, folder) as server:
        yield server
