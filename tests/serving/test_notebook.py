"""The notebook answers its three questions on a published home."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipelines.settings import Settings

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "three_questions.ipynb"


def test_every_cell_of_the_notebook_answers(sample_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUPLE_HOME", str(sample_home.home))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=60).execute()
    answers = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    assert len(answers) == 4
    assert all(outputs for outputs in answers)
