"""Alerts: one message when a regime changes, a divergence opens or closes, data goes stale or a nightly fails.

Here: what is news, the ledger of what has been told, who is told. Not here: how a run ended
(pipelines.orchestration.run_report).
"""
