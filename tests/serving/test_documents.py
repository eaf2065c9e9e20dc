"""What the documents say is what the software does."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from assets.framework.dictionary import dictionary
from pipelines.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
QUESTIONS = re.findall(r"## (\d+\. .+?)\n.*?```sql\n(.*?)```", (DOCS / "questions.md").read_text(), re.DOTALL)


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10


@pytest.mark.parametrize(("title", "sql"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_every_question_is_answered(sample_home: Settings, title: str, sql: str) -> None:
    with duckdb.connect(str(sample_home.tree / "serving.duckdb"), read_only=True) as connection:
        rows = connection.execute(sql).fetchall()
    assert rows, title


def test_every_command_of_the_guide_for_servers_is_run_by_a_test() -> None:
    named = set(
        re.findall(r"`(?:[A-Z_]+=\S+ )?recouple ([a-z-]+)[^`\n]*`", (DOCS / "deploy.md").read_text(encoding="utf-8"))
    )
    tests = "\n".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py"))
    run = set(re.findall(r'(?:recouple\(|\[program, |started\(tmp_path, |\[)"([a-z-]+)"', tests))
    assert named - run == {"service"}, "a service replaces its process: test_deploy looks at what by"


def test_data_dictionary_is_as_the_contracts_say() -> None:
    assert (DOCS / "data_dictionary.md").read_text(encoding="utf-8") == dictionary()
