"""The one global name of an installation: it opens the house and calls the command.

Here: making `pipelines`, `assets` and `quant` importable in this process and in those it starts, without giving those
common names to everybody's site-packages. In a checkout this file stands beside the rooms; in an installed wheel it is
`recouple/__init__.py` and the rooms lie in the folder `recouple`. Not here: anything the command does (pipelines.cli).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

HOUSE = Path(__file__).parent


def open_house() -> None:
    """Let this process, and every Python that it starts, find the rooms."""
    house = str(HOUSE)
    if house not in sys.path:
        sys.path.insert(0, house)
    known = os.environ.get("PYTHONPATH", "")
    if house not in known.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (house, known)))


def main() -> NoReturn:
    """The `recouple` command."""
    from pipelines.cli.__main__ import main as command

    command()


open_house()  # at import: a notebook needs no more than the name

if __name__ == "__main__":
    main()
