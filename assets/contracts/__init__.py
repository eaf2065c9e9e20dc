"""Table contracts: the only place where a table or a column is explained.

Here: one module per subject; a class is all it takes to register a table. The UI, the checks, DuckDB's comments and
the data dictionary read from here. Not here: what a contract is (assets.framework.contract), what fills a table.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from assets.framework import registry

for _module in iter_modules(__path__, f"{__name__}."):
    registry.register(import_module(_module.name))

CONTRACTS = registry.CONTRACTS
RAW_TABLES = registry.raw_tables()
CORE_TABLES = registry.core_tables()
DERIVED_TABLES = registry.derived_tables()
MARTS = registry.marts()
