"""Where the command begins: `recouple`, and the same as `python -m pipelines.cli`.

Here: the order in which it begins. Not here: the command (pipelines.cli.main).
"""

from __future__ import annotations

from typing import NoReturn

from pipelines.cli.interruption import hear_signals


def main() -> NoReturn:
    """Hear signals before the libraries are loaded, which takes longer than some commands do."""
    hear_signals()
    from pipelines.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
