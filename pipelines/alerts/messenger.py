"""One message to one address, sent by apprise in a process of its own.

Here: the sending, and whether an address can be understood. Not here: what is said and when
(pipelines.alerts.delivery).

Why a process of its own: an address holds tokens, and apprise and the clients beneath it write addresses into logs
and exceptions. Whatever they say ends with the process; a service that hangs or breaks cannot hurt the run; and the
address reaches it through a pipe, not on a command line that others can read.
"""

from __future__ import annotations

import json
import subprocess
import sys

from pydantic import SecretStr

SECONDS = 30


def delivered(address: SecretStr, title: str, body: str) -> bool:
    """Send it; true when the service took it."""
    return _sent({"address": address.get_secret_value(), "title": title, "body": body})


def understood(address: SecretStr) -> bool:
    """Whether apprise knows what to do with the address; nothing is sent."""
    return _sent({"address": address.get_secret_value()})


def _sent(errand: dict[str, str]) -> bool:
    command = [sys.executable, "-m", "pipelines.alerts.messenger"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(errand).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _run(errand: dict[str, str]) -> bool:
    """In the process of its own."""
    import apprise  # here, because only this process needs it

    service = apprise.Apprise.instantiate(errand["address"])
    if not isinstance(service, apprise.NotifyBase) or "body" not in errand:
        return isinstance(service, apprise.NotifyBase)
    messenger = apprise.Apprise()
    messenger.add(service)
    return bool(messenger.notify(title=errand["title"], body=errand["body"], body_format=apprise.NotifyFormat.TEXT))


if __name__ == "__main__":
    sys.exit(not _run(json.load(sys.stdin)))
