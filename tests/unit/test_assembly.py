"""What cannot work is refused when the definitions load, with a sentence, and not after a night of computing."""

from __future__ import annotations

import re

import dagster as dg
import dataframely as dy
import pytest

from assets.contracts import CONTRACTS
from assets.framework.contract import DerivedTable, Table
from assets.framework.table import SQL_FOLDER, asset_key
from pipelines.build import ContractFault, check_makers
from pipelines.warehouse.ddl import UnknownType


class Orphan(DerivedTable):
    """A table that nothing makes."""

    day = dy.Date(primary_key=True, description="a day")


class Small(DerivedTable):
    """A table with a column that the warehouse cannot hold."""

    number = dy.Int32(description="a small number")


def test_a_contract_without_a_maker_is_named() -> None:
    with pytest.raises(
        ContractFault, match=r"derived.orphan has a contract .*add sql/derived/orphan.sql or a function"
    ):
        check_makers({"orphan": Orphan}, [])


def test_a_contract_with_two_makers_is_named() -> None:
    with pytest.raises(ContractFault, match="derived.orphan is made 2 times; keep one"):
        check_makers({"orphan": Orphan}, [asset_key(Orphan)] * 2)


def test_a_column_that_the_warehouse_cannot_hold_is_named() -> None:
    with pytest.raises(UnknownType, match="derived.small.number is of type Int32, which the warehouse cannot hold"):
        check_makers({"small": Small}, [dg.AssetKey(["derived", "small"])])


@pytest.mark.parametrize("path", sorted(SQL_FOLDER.glob("*/*.sql")), ids=lambda path: path.stem)
def test_the_header_of_a_select_names_the_key_of_its_contract(path: object) -> None:
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    contract: type[Table] = CONTRACTS[path.stem]  # type: ignore[attr-defined]
    found = re.search(r"^-- Key: (.+)\.$", text, re.MULTILINE)
    assert text.startswith("-- Grain: ")
    assert found is not None
    assert tuple(found.group(1).split(", ")) == contract.key()
