"""The one global name of an installation: importing it opens the house.

In a checkout this file lies beside the rooms pipelines/, assets/, quant/ and sql/; in a wheel it is recouple/__init__.py
and the rooms lie beside it, inside the package, where their plain names collide with nobody's.

Here: the way in, for this process and for the ones it starts. Not here: anything that Recouple does (pipelines.cli).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

HOUSE = Path(__file__).parent
"""The folder of the rooms."""


def open_house() -> None:
    """Let this process, and Python processes it starts (the brief, Dagster's code server), import the rooms."""
    house = str(HOUSE)
    if house not in sys.path:
        sys.path.insert(0, house)
    inherited = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place and place != house]
    os.environ["PYTHONPATH"] = os.pathsep.join([house, *inherited])


def main() -> NoReturn:
    """The `recouple` command."""
    from pipelines.cli.main import main as command

    command()


open_house()

if __name__ == "__main__":
    main()
