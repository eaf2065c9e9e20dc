"""Reading a published run: its marts, today's reading, the words and colours it is shown in.

Here: what the brief, the terminal and the alerts share. Not here: how a run is published (pipelines.publishing), the
page (pipelines.brief).
"""
