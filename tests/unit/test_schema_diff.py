from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.warehouse.schema_diff import schema_diff

TYPES = st.sampled_from(["BIGINT", "DOUBLE", "VARCHAR", "DATE", "INTEGER"])
SCHEMAS = st.dictionaries(st.sampled_from("abcdef"), TYPES)


@given(SCHEMAS)
def test_equal_schemas_differ_in_nothing_whatever_their_order(schema: dict[str, str]) -> None:
    assert schema_diff(schema, dict(reversed(schema.items()))).is_empty


@given(SCHEMAS, SCHEMAS)
def test_a_diff_is_lossless_only_if_every_old_column_survives(old: dict[str, str], new: dict[str, str]) -> None:
    diff = schema_diff(old, new)
    if not diff.is_lossy:
        assert set(old) <= set(new)


def test_widening_is_lossless_and_narrowing_is_not() -> None:
    assert not schema_diff({"a": "INTEGER"}, {"a": "BIGINT"}).is_lossy
    assert schema_diff({"a": "DOUBLE"}, {"a": "BIGINT"}).is_lossy


def test_a_diff_reads_like_a_diff() -> None:
    diff = schema_diff({"a": "DOUBLE", "b": "DATE"}, {"a": "BIGINT", "c": "VARCHAR"})
    assert str(diff) == "+ c VARCHAR\n- b DATE\n~ a DOUBLE -> BIGINT"
