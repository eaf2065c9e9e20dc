"""`python -m pipelines.cli`, and `python -m recouple` of an installed package: the same as `recouple`."""

from pipelines.cli.main import main

main()
