"""The explorer: a local page to question the marts with, any pair, any day, any SELECT.

Here: what a reader chooses (choice), the marts of the day that was chosen (library), what is shown (panels), charts
that answer (charts), one SELECT (queries), the page itself (app). Not here: what is said (pipelines.published), how a
chart is drawn (pipelines.brief.charts), computing or writing anything: it only ever reads published runs.
"""
