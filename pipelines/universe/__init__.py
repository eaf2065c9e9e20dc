"""Universes at work: blocks of pairs, the state kept of each, and who computes them.

Here: the seam that an engine plugs into, what a block's work is. Not here: where states lie (pipelines.store), how
pairs are computed (quant), which universes there are (assets.universe), the marts (assets.marts.universe).
"""
