"""Derived: what stands between core and the marts and reads better in Python than in SQL.

Here: thin assets that hand arrays to quant. Not here: what is one SELECT (sql/derived), what is published
(assets.marts).
"""
