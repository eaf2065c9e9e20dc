"""Dagster's own services on a server: web server, daemon, code server, each a process of its own.

Here: which program with which arguments. Not here: units and containers (deploy/), the instance
(pipelines.orchestration.instance), `recouple dev`, which is all of them on a laptop.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from assets.framework.errors import KnownFault
from pipelines.orchestration.instance import dagster_home
from pipelines.settings import Settings

LOCATION = "recouple"  # schedule state is kept under this name: renaming it would switch the nightly off
WEBSERVER_PORT, CODE_PORT = 3000, 4266


class UnknownService(KnownFault):
    """There is no such service."""


def become(name: str, settings: Settings, *, host: str, port: int | None, code: str | None) -> NoReturn:
    """Replace this process by the service; returns never."""
    folder = dagster_home(settings.home)
    program, *arguments = command(name, _workspace(folder, code), host=host, port=port)
    os.chdir(folder)
    path = str(Path(sys.executable).with_name(program))
    os.execv(path, [path, *arguments])


def command(name: str, workspace: Path, *, host: str, port: int | None) -> list[str]:
    """The program and its arguments."""
    if name == "webserver":
        return ["dagster-webserver", "-h", host, "-p", str(port or WEBSERVER_PORT), "-w", str(workspace)]
    if name == "daemon":
        return ["dagster-daemon", "run", "-w", str(workspace)]
    if name == "code":
        where = ["-h", host, "-p", str(port or CODE_PORT)]
        return ["dagster", "code-server", "start", "-m", "pipelines.definitions", "--location-name", LOCATION, *where]
    raise UnknownService(f"there is no service {name}; choose webserver, daemon or code")


def _workspace(folder: Path, code: str | None) -> Path:
    """Where the web server and the daemon find the code."""
    entry = f"python_module:\n      module_name: pipelines.definitions\n      location_name: {LOCATION}"
    if code is not None:
        host, _, port = code.rpartition(":")
        entry = f"grpc_server:\n      host: {host}\n      port: {port}\n      location_name: {LOCATION}"
    path = folder / "workspace.yaml"
    fresh = path.with_name(f".workspace-{os.getpid()}")
    fresh.write_text(f"load_from:\n  - {entry}\n")
    fresh.replace(path)
    return path
