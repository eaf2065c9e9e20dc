"""Declarative entries: TOML files that people add to, read and checked in one way.

Here: the base of an entry, the loading, and the error a typo ends in, with its line. Not here: what may be said in a
file (assets.catalog, assets.studies, assets.reference, assets.claims).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from assets.framework.errors import KnownFault

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HEADER = re.compile(r"(\[{1,2})([^\[\]]+)\]{1,2}\s*(#.*)?")


class EntryError(KnownFault, ValueError):
    """A declarative file cannot be used; the message names the file, the line and the reason."""


class Entry(BaseModel):
    """One entry, one section, or a whole file of them: frozen, and nothing unknown is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


File = TypeVar("File", bound=Entry)


def load_entries(path: Path, shape: type[File], fault: type[EntryError] = EntryError) -> File:
    """Read a TOML file into its shape; raises `fault` naming file, line and reason."""
    text = path.read_text(encoding="utf-8")
    try:
        return shape.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise fault(f"{path.name}: {error}; correct the TOML there") from error
    except ValidationError as error:
        raise fault("; ".join(_explain(path, text, e) for e in error.errors())) from None


def check_once(path: Path, kind: str, names: Iterable[object], fault: type[EntryError] = EntryError) -> None:
    """Raise `fault` where two `[[kind]]` entries of a file are the same thing by name."""
    known: set[object] = set()
    for position, name in enumerate(names):
        if name in known:
            raise fault(f"{at(path, kind, position)}: {kind} {name} is there twice; keep one entry")
        known.add(name)


def at(path: Path, *place: str | int) -> str:
    """`file, line N`, as errors begin: where the keys of `place` lead, see `line_of`."""
    return f"{path.name}, line {line_of(path.read_text(encoding='utf-8'), *place)}"


def line_of(text: str, *place: str | int) -> int:
    """The line of a key of the file, of a section's key (`section, key`) or of an entry's (`kind, position, key`).

    The line of the header where it has no such key, 1 where there is no such header either.
    """
    names = [str(step) for step in place if isinstance(step, str)]
    positions = [step for step in place if isinstance(step, int)]
    headers = [h for h in _headers(text) if h[1] == names[0]]
    if not headers:
        return _line_of_key(text, names[0], after=0) or 1
    start = headers[positions[0] if positions and headers[0][2] else 0][0]
    return next((n for name in names[1:] if (n := _line_of_key(text, name, after=start))), start)


def _headers(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line, name, and whether it begins one entry of many."""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line.strip()):
            yield number, header[2].strip(), header[1] == "[["


def _line_of_key(text: str, key: str, after: int) -> int | None:
    """The line that sets the key, between line `after` and the next header."""
    for number, line in enumerate(text.splitlines()[after:], after + 1):
        if _HEADER.fullmatch(line.strip()):
            return None
        if line.split("=")[0].strip().strip('"') == key:
            return number
    return None


def _explain(path: Path, text: str, error: ErrorDetails) -> str:
    """One pydantic error as `file, line N: kind ID: field: reason`, or `file, line N: section.field: reason`."""
    place = error["loc"]
    where = f"{path.name}, line {line_of(text, *place) if place else 1}"
    reason = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    if len(place) > 1 and isinstance(place[1], int) and isinstance(place[0], str):
        entry = tomllib.loads(text)[place[0]][place[1]]
        name = entry.get("id", "") if isinstance(entry, dict) else entry
        return f"{where}: {place[0]} {name}: {_dotted(place[2:]) or 'entry'}: {reason}"
    return f"{where}: {_dotted(place)}: {reason}"


def _dotted(place: Sequence[str | int]) -> str:
    return ".".join(map(str, place))
