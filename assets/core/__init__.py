"""Core: clean, aligned, in one unit.

Here: the reference tables that SQL joins on. Not here: cleaning and alignment, which are SQL (sql/core).
"""
