"""What changes between the columns a table has and the columns it is about to get.

Here: a pure comparison with a typed result. Not here: reading either side, or acting on the answer
(pipelines.warehouse.store).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assets.framework.errors import KnownFault

_WIDENS = {
    "TINYINT": {"SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE"},
    "SMALLINT": {"INTEGER", "BIGINT", "HUGEINT", "DOUBLE"},
    "INTEGER": {"BIGINT", "HUGEINT", "DOUBLE"},
    "FLOAT": {"DOUBLE"},
    "DATE": {"TIMESTAMP"},
}


@dataclass(frozen=True)
class SchemaDiff:
    """Columns that come, go or change type."""

    added: Mapping[str, str]
    removed: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]

    @property
    def is_empty(self) -> bool:
        """Nothing changes."""
        return not (self.added or self.removed or self.changed)

    @property
    def is_lossy(self) -> bool:
        """A column disappears, or a type changes to one that cannot hold every old value."""
        narrowed = any(new not in _WIDENS.get(old, ()) for old, new in self.changed.values())
        return bool(self.removed) or narrowed

    def __str__(self) -> str:
        lines = [f"+ {name} {kind}" for name, kind in self.added.items()]
        lines += [f"- {name} {kind}" for name, kind in self.removed.items()]
        lines += [f"~ {name} {old} -> {new}" for name, (old, new) in self.changed.items()]
        return "\n".join(lines)


def schema_diff(stored: Mapping[str, str], incoming: Mapping[str, str]) -> SchemaDiff:
    """Compare two ordered column -> DuckDB type mappings; order alone is no difference."""
    return SchemaDiff(
        added={c: t for c, t in incoming.items() if c not in stored},
        removed={c: t for c, t in stored.items() if c not in incoming},
        changed={c: (stored[c], t) for c, t in incoming.items() if c in stored and stored[c] != t},
    )


class LossySchemaChange(KnownFault):
    """Writing would drop a column or narrow a type of a stored table."""

    def __init__(self, table: str, diff: SchemaDiff) -> None:
        super().__init__(
            f"table {table} would lose data:\n{diff}\n"
            f"Nothing was written. If this is intended, run `recouple drop {table}` (derived tables are "
            f"recomputed from raw) and run again; raw tables only ever gain columns."
        )
        self.diff = diff
