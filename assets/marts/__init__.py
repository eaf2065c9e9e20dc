"""Marts that read better in Python than in SQL.

Here: thin assets that hand arrays to quant, one module per subject. Not here: the method (quant), marts that are one
SELECT (sql/marts).
"""
