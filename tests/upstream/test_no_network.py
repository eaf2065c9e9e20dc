"""No test leaves this machine, whatever client or process it asks with."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import curl_cffi.requests as curl
import httpx
import pytest
from pytest_socket import SocketConnectBlockedError

from tests.upstream.loopback import Answer, loopback

PUBLIC = "https://192.0.2.1/"  # reserved for documentation: nobody is there, and a request would hang
PROGRAM = f"""
import curl_cffi.requests as curl
try:
    curl.get({PUBLIC!r}, timeout=20)
except curl.exceptions.RequestException as error:
    print(error)
"""
REFUSED_AT_HOME = (
    curl.exceptions.ProxyError,
    curl.exceptions.ConnectionError,
    httpx.ConnectError,
    urllib.error.URLError,
)


def moved(request: object) -> Answer:
    return Answer("", 302, headers={"location": PUBLIC})


@pytest.mark.parametrize(
    "ask",
    [
        lambda url: curl.get(url, timeout=20),
        lambda url: curl.Session(impersonate="chrome").get(url, timeout=20),
        lambda url: httpx.get(url, timeout=20, follow_redirects=True),
        lambda url: urllib.request.urlopen(url, timeout=20),
    ],
    ids=["curl_cffi", "curl_cffi session", "httpx", "urllib"],
)
def test_a_public_address_is_refused_on_this_machine(ask: Callable[[str], object], tmp_path: Path) -> None:
    with pytest.raises(REFUSED_AT_HOME) as direct:
        ask(PUBLIC)
    assert "timed out" not in str(direct.value)
    with loopback({"here": moved}, tmp_path) as server, pytest.raises(REFUSED_AT_HOME):
        ask(server.url("here"))


def test_a_program_started_by_a_test_is_refused_too() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert "over proxy 127.0.0.1" in done.stdout, done.stdout + done.stderr


def test_a_plain_socket_is_refused_by_name() -> None:
    with socket.socket() as plain, pytest.raises(SocketConnectBlockedError, match="allowed: .*127.0.0.1"):
        plain.connect(("192.0.2.1", 443))


def test_loopback_is_reached_directly(tmp_path: Path) -> None:
    def here(request: object) -> Answer:
        return Answer("here")

    with loopback({"here": here}, tmp_path) as server:
        answers = [curl.get(server.url("here")).text, httpx.get(server.url("here")).text]
        assert (answers, server.count()) == (["here", "here"], 2)
