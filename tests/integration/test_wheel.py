"""The package works without its checkout: built, installed elsewhere and run, it publishes what the checkout does."""

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

from pipelines.home import Home
from pipelines.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built offline, by the backend that is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    ran("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; it sees the pinned packages of this one, and not the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    ran("-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # a folder named in a .pth is searched, but its own .pth files are not read: no editable install comes along
    (site / "pinned.pth").write_text(sysconfig.get_paths()["purelib"])
    return folder


def ran(*arguments: str, program: Path = Path(sys.executable), **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    cwd = Path(program).parents[2] if program != Path(sys.executable) else None
    done = subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"recouple"}


def test_every_file_of_the_rooms_comes_along(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "pipelines", "assets", "quant", "sql"], cwd=ROOT, capture_output=True)
    expected = {f"recouple/{name}" for name in listed.stdout.decode().splitlines() if (ROOT / name).exists()}
    assert expected - set(zipfile.ZipFile(wheel).namelist()) == set()


def test_the_installed_package_says_its_version_and_opens_its_own_rooms(elsewhere: Path) -> None:
    python = elsewhere / "venv" / "bin" / "python"
    assert ran("--version", program=python.with_name("recouple")).startswith("recouple 0.")
    assert ran("-m", "recouple", "--version", program=python).startswith("recouple 0.")
    rooms = ran("-c", "import recouple, pipelines.definitions, assets, quant; print(assets.__file__)", program=python)
    assert Path(rooms).is_relative_to(elsewhere)


def test_the_installed_demo_publishes_what_the_checkout_does(elsewhere: Path, sample_home: Settings) -> None:
    home = Home(elsewhere / "home")
    ran("demo", program=elsewhere / "venv" / "bin" / "recouple", RECOUPLE_HOME=str(home.root))
    mine, checkouts = (
        {name: mart["content_hash"] for name, mart in json.loads(path.read_text())["marts"].items()}
        for path in (home.demo.manifest, Home(sample_home.home).manifest)
    )
    assert mine == checkouts
    assert (home.demo.current / "brief.html").exists()
