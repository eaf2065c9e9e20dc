"""`python -m pipelines.cli`: the same as `recouple`."""

from pipelines.cli.main import main

main()
