"""Declarative entries: TOML files that people add to, read and checked in one way.

Here: the base of an entry, the loading, and the error a typo ends in, with its line. Not here: what may be said in a
file (assets.catalog, assets.reference, assets.claims).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from assets.framework.errors import KnownFault


class EntryError(KnownFault, ValueError):
    """A declarative file cannot be used; the message names the file, the line and the reason."""


class Entry(BaseModel):
    """One entry, or a whole file of them: frozen, and nothing unknown is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


File = TypeVar("File", bound=Entry)


def load_entries(path: Path, shape: type[File], fault: type[EntryError] = EntryError) -> File:
    """Read a TOML file of `[[kind]]` entries into its shape; raises `fault` naming file, line and reason."""
    text = path.read_text(encoding="utf-8")
    try:
        return shape.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise fault(f"{path.name}: {error}; correct the TOML there") from error
    except ValidationError as error:
        raise fault("; ".join(_explain(path, text, e) for e in error.errors())) from None


def line_of(text: str, kind: str, position: int, field: str = "") -> int:
    """The line of an entry's field, or of its header where it has none."""
    lines = text.splitlines()
    headers = [n for n, line in enumerate(lines, 1) if line.strip() == f"[[{kind}]]"]
    start = headers[position]
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if line.startswith("[["):
            break
        if field and line.split("=")[0].strip() == field:
            return number + 1
    return start


def _explain(path: Path, text: str, error: object) -> str:
    """One pydantic error as `file, line N: kind ID: field: reason`."""
    loc = error["loc"]  # type: ignore[index]
    message = str(error["msg"])  # type: ignore[index]
    if len(loc) < 2 or not isinstance(loc[1], int):
        return f"{path.name}, line {_line_of_key(text, str(loc[0]))}: {'.'.join(map(str, loc))}: {message}"
    kind, position = str(loc[0]), loc[1]
    field = ".".join(map(str, loc[2:])) or "entry"
    entries = tomllib.loads(text)[kind]
    name = entries[position].get("id", "")
    line = line_of(text, kind, position, field)
    return f"{path.name}, line {line}: {kind} {name}: {field}: {message[0].lower()}{message[1:]}"


def _line_of_key(text: str, key: str) -> int:
    """The first line that sets a key of the file itself, or begins entries of that kind; 1 where none does."""
    named = (f"[[{key}]]", f"[{key}]", key)
    lines = enumerate(text.splitlines(), 1)
    return next((n for n, line in lines if line.split("=")[0].strip() in named), 1)
