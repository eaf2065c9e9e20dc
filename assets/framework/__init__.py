"""How a function or a SELECT becomes an asset with a contract.

Here: the base of contracts, holding rows to them, checks, the decorators, declarative entries. Not here: any table
(assets.contracts says what it promises, assets.raw, assets.core and assets.marts fill it).
"""
