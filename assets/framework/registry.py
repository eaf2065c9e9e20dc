"""Every contract by the name of its table.

Here: how the contracts of a module become known. Not here: the contracts (assets.contracts), what a contract is
(assets.framework.contract).
"""

from __future__ import annotations

from types import ModuleType

from assets.framework.contract import CoreTable, DerivedTable, Mart, RawTable, Table
from assets.framework.errors import KnownFault

CONTRACTS: dict[str, type[Table]] = {}
"""Every table by its name; names are unique across layers, so a name alone says which table."""


class DoubledContract(KnownFault):
    """Two contracts describe a table of one name."""


def register(module: ModuleType) -> None:
    """Enter every contract that a module defines; one whose name begins with an underscore is only a base of others."""
    for name, thing in vars(module).items():
        own = isinstance(thing, type) and thing.__module__ == module.__name__ and not name.startswith("_")
        if own and issubclass(thing, Table):
            _enter(thing)


def _enter(contract: type[Table]) -> None:
    table = contract.table_name()
    if CONTRACTS.setdefault(table, contract) is not contract:
        places = " and ".join(c.__module__ for c in (CONTRACTS[table], contract))
        raise DoubledContract(f"table {table} has two contracts, in {places}; rename one of the classes")


def raw_tables() -> tuple[type[RawTable], ...]:
    """Contracts of the raw layer."""
    return tuple(c for c in CONTRACTS.values() if issubclass(c, RawTable))


def core_tables() -> tuple[type[CoreTable], ...]:
    """Contracts of the core layer."""
    return tuple(c for c in CONTRACTS.values() if issubclass(c, CoreTable))


def derived_tables() -> tuple[type[DerivedTable], ...]:
    """Contracts of what stands between core and the marts."""
    return tuple(c for c in CONTRACTS.values() if issubclass(c, DerivedTable))


def marts() -> tuple[type[Mart], ...]:
    """Contracts of the published tables."""
    return tuple(c for c in CONTRACTS.values() if issubclass(c, Mart))
