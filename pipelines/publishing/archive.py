"""The archive: every brief that was published, listed and linked, kept when its run is long gone.

Here: a page per day in `briefs`, each linked with the day before and after it, and `archive.html` that lists them. Not
here: drawing a brief (pipelines.brief), which run is in force (pipelines.publishing.in_force).

An archived page is the brief without its scripts: readable as before, a tenth of its size, so that years of them take
less room than one run. Every link is relative: the home can be moved, or copied to a web server, with its archive. The
brief of a day that was looked back on is linked too, where it lies in its own tree; a night's brief holds no address,
since it is the one that is sent to people.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.home import Home, Run
from pipelines.published import palette
from pipelines.published.templates import templates
from pipelines.publishing.in_force import manifest_of

_AS_OF = "as-of-"  # begins the page of a day that was looked back on
_SCRIPT = re.compile(r"<script\b.*?</script>\n?", re.DOTALL)
_HEADLINE = re.compile(r'<h1 id="headline">(.*?)</h1>', re.DOTALL)
_LINKS = re.compile(r"<!-- other days -->.*?<!-- end of other days -->", re.DOTALL)
_BEGINNING = 65_536  # characters of a page that hold its headline
_TEMPLATES = templates(Path(__file__).parent)


@dataclass(frozen=True)
class Page:
    """One archived brief."""

    path: Path

    @property
    def historical(self) -> bool:
        """Computed as of its day, later."""
        return self.path.name.startswith(_AS_OF)

    @property
    def day(self) -> str:
        """The day at whose end it could have been computed, ISO."""
        return self.path.stem.removeprefix(_AS_OF)

    def copies(self, home: Home) -> Iterator[Path]:
        """Itself and, of a day that was looked back on, the brief in that day's own tree."""
        yield self.path
        if self.historical and (own := Run(home.as_of(date.fromisoformat(self.day)).current).brief).exists():
            yield own

    @property
    def link(self) -> str:
        """Its address beside the archive."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def headline(self) -> str:
        """What it said first."""
        with self.path.open(encoding="utf-8") as page:
            found = _HEADLINE.search(page.read(_BEGINNING))
        return html.unescape(found[1]) if found else ""


def keep_brief(folder: Path) -> None:
    """Put the brief of the run in `folder` into its home's archive; a run without a brief adds nothing."""
    run = Run(folder)
    if not run.brief.exists():
        return
    home = _home(run)
    home.briefs.mkdir(exist_ok=True)
    name = f"{_AS_OF if run.historical else ''}{manifest_of(folder)['as_of']}.html"
    kept = home.briefs / name
    _write(kept, _SCRIPT.sub("", run.brief.read_text(encoding="utf-8")))
    pages = archived(home)
    for page, before, after in _with_neighbours(pages):
        if kept in {each.path for each in (page, before, after) if each}:
            for brief in page.copies(home):
                _link(brief, home, before, after)
    style = f":root {{ {palette.variables(dark=False)} }}"
    _write(home.archive, _TEMPLATES.get_template("archive.html.j2").render(pages=pages[::-1], style=style))


def archived(home: Home) -> list[Page]:
    """Every archived brief, oldest first; a day that was looked back on follows the night of that day."""
    return sorted((Page(path) for path in home.briefs.glob("*.html")), key=lambda page: (page.day, page.historical))


def _home(run: Run) -> Home:
    """The home itself, also for a run in the tree of a chosen day."""
    tree = run.folder.parents[1]
    return Home(tree.parents[1] if run.historical else tree)


def _with_neighbours(pages: Sequence[Page]) -> Iterator[tuple[Page, Page | None, Page | None]]:
    """Each page with the one before and the one after it."""
    return zip(pages, [None, *pages], [*pages[1:], None], strict=False)


def _link(brief: Path, home: Home, before: Page | None, after: Page | None) -> None:
    """Put the links to other days into a page, wherever below the home it lies."""

    def address(target: Path) -> str:
        return Path(os.path.relpath(target, brief.parent)).as_posix()

    template = _TEMPLATES.get_template("other_days.html.j2")
    links = template.render(before=before, after=after, archive=home.archive, address=address)
    _write(brief, _LINKS.sub(lambda _: links.strip(), brief.read_text(encoding="utf-8"), count=1))


def _write(path: Path, text: str) -> None:
    """Whole or not at all: somebody may be reading it."""
    fresh = path.with_name(f".{path.name}-next")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
