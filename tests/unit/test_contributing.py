"""The recipes name files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE | re.DOTALL)
)


def test_there_are_ten_recipes() -> None:
    assert len(RECIPES) == 10


@pytest.mark.parametrize("task", RECIPES)
def test_every_file_a_recipe_names_is_there(task: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", RECIPES[task])
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("pipelines/brief/sections.py", "SECTIONS = ("),
        ("pipelines/brief/brief.js", "const LIVE = {"),
        ("assets/catalog.toml", "[[symbol]]"),
        ("assets/catalog.toml", "[[pair]]"),
        ("pipelines/orchestration/schedules.py", "cron_schedule="),
        ("pipelines/warehouse/known.py", "What was known when"),
        ("pipelines/alerts/news.py", "def events("),
        ("assets/upstream.py", "(Protocol)"),
    ],
)
def test_what_a_recipe_changes_is_in_the_file_it_names(file: str, names: str) -> None:
    assert names in (ROOT / file).read_text()
