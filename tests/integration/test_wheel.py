"""An installed wheel holds everything a run needs, under one global name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from pipelines.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


def test_a_wheel_brings_one_global_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as held:
        names = {name.split("/")[0] for name in held.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"recouple"}


def test_every_file_of_the_rooms_comes_along(wheel: Path) -> None:
    """SELECTs, entries, the page: and the workspace that `recouple dev` serves."""
    rooms = ["pipelines", "assets", "quant", "sql", "workspace.yaml"]
    listed = subprocess.run(["git", "ls-files", *rooms], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    with zipfile.ZipFile(wheel) as held:
        assert {f"recouple/{name}" for name in listed.splitlines()} - set(held.namelist()) == set()


def test_a_demo_from_the_installed_wheel_equals_that_of_the_checkout(
    wheel: Path, tmp_path: Path, sample_home: Settings
) -> None:
    """In an environment that has the same libraries and no checkout."""
    venv.create(tmp_path / "env", with_pip=False)
    python, site = tmp_path / "env" / "bin" / "python", next((tmp_path / "env" / "lib").glob("python*/site-packages"))
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "RECOUPLE_FILES")}
    subprocess.run(
        [str(tmp_path / "env" / "bin" / "recouple"), "demo"],
        cwd=tmp_path,
        env=environment | {"RECOUPLE_HOME": str(tmp_path / "home")},
        check=True,
        capture_output=True,
    )
    named = [python, "-c", "import recouple, pipelines; print(pipelines.__file__)"]
    said = subprocess.run(named, cwd=tmp_path, env=environment, capture_output=True)
    assert Path(said.stdout.decode().strip()).is_relative_to(site / "recouple"), said.stderr.decode()
    installed = json.loads((tmp_path / "home" / "demo" / "manifest.json").read_text())
    checkout = json.loads((sample_home.home / "manifest.json").read_text())
    assert installed["marts"] == checkout["marts"]
