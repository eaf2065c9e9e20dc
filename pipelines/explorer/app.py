"""The explorer's page and the server behind it.

Here: addresses, what each answers, what a browser may do. Not here: what is shown (explorer.panels), which program
serves it and where (pipelines.cli).

Nothing is kept between two requests but the drawing engine and the templates: each request reads the run that is in
force when it comes, so a nightly that publishes meanwhile is seen by the next and disturbs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from assets.contracts.pair_days import WINDOWS
from assets.framework.errors import KnownFault
from pipelines.brief.charts import specification
from pipelines.brief.content import Content
from pipelines.brief.page import house_style
from pipelines.brief.rendering import Rendering
from pipelines.explorer.charts import answering
from pipelines.explorer.choice import HORIZONS, YEARS, Choice, day_named
from pipelines.explorer.library import Library
from pipelines.explorer.panels import PANELS, PairPanel, View, beside, claims
from pipelines.explorer.queries import NoAnswer, answer
from pipelines.published.marts import Marts
from pipelines.published.reading import read
from pipelines.published.templates import templates
from pipelines.published.words import day as named_day

HERE = Path(__file__).parent
HOSTS = ["127.0.0.1", "localhost"]  # another name would be a page elsewhere that calls itself this machine
_MAY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_SAFELY = {"Content-Security-Policy": _MAY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_TEMPLATES = templates(HERE)


@dataclass(frozen=True)
class _Side:
    """One day's part of a panel."""

    content: Content
    charts: list[dict[str, Any]]
    query: str


def explorer(home: Path) -> Starlette:
    """The application over one home."""
    with Rendering() as rendering:
        engine = rendering.engine.result()
    library = Library(home)
    files = {
        "/engine.js": ("text/javascript", engine),
        "/explorer.js": ("text/javascript", (HERE / "explorer.js").read_text(encoding="utf-8")),
        "/explorer.css": ("text/css", house_style() + (HERE / "explorer.css").read_text(encoding="utf-8")),
    }

    def page(request: Request) -> Response:
        return _answered(_page, library, request)

    def query(request: Request) -> Response:
        return _answered(_query, library, request)

    def file(request: Request) -> Response:
        kind, text = files[request.url.path]
        return Response(text, media_type=kind, headers=_SAFELY)

    return Starlette(
        routes=[Route("/", page), Route("/query", query), *(Route(path, file) for path in files)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
    )


def _answered(build: Callable[[Library, Mapping[str, str]], str], library: Library, request: Request) -> Response:
    """A page, or the sentence that says why there is none."""
    try:
        return HTMLResponse(build(library, request.query_params), headers=_SAFELY)
    except KnownFault as fault:
        return HTMLResponse(_render("fault.html.j2", fault=str(fault)), status_code=400, headers=_SAFELY)


def _page(library: Library, asked: Mapping[str, str]) -> str:
    newest = library.newest()
    choice = Choice.of(asked, newest.pairs, newest.headline)
    days = [choice.day, *([choice.against] if choice.against else [])]
    views = [View(library.read(choice.pair, day), choice) for day in days]
    readings = [read(view.marts) for view in views]
    return _render(
        "explorer.html.j2",
        choice=choice,
        newest=newest,
        pairs=newest.pairs,
        names=newest.names,
        windows=WINDOWS,
        horizons=HORIZONS,
        years=YEARS,
        views=views,
        titles=[named_day(view.marts.as_of) for view in views],
        readings=readings,
        beside=beside([{f.label: f"{f.value} ({f.note})" for f in r.figures} for r in readings]),
        panels=[(panel, [_side(panel, view) for view in views]) for panel in PANELS],
        claims=[[(claim, _query_link(claim.evidence, view.marts)) for claim in claims(view.marts)] for view in views],
    )


def _side(panel: PairPanel, view: View) -> _Side:
    content = panel.content(view)
    mark = f"{'SIMULATED, ' if view.marts.simulated else ''}as of {named_day(view.marts.as_of)}"
    charts = [
        {
            "description": picture.description,
            "specification": answering(specification(picture, mark, warn=view.marts.simulated)),
        }
        for picture in content.pictures
    ]
    return _Side(content, charts, _query_link(panel.sql(view), view.marts))


def _query_link(sql: str, marts: Marts) -> str:
    day = {"day": marts.as_of.isoformat()} if marts.historical else {}
    return f"/query?{urlencode({'sql': sql, **day})}"


def _query(library: Library, asked: Mapping[str, str]) -> str:
    day = day_named("day", asked.get("day"))
    sql = (asked.get("sql") or "").strip()
    shown: dict[str, Any] = {"answer": None, "fault": ""}
    if sql:
        try:
            shown["answer"] = answer(library.tree(day), sql)
        except NoAnswer as fault:
            shown["fault"] = str(fault)
    marts = Marts.current(library.tree(day).root)
    return _render("query.html.j2", sql=sql, day=day, as_of=marts.as_of, simulated=marts.simulated, **shown)


def _render(template: str, **values: Any) -> str:
    return _TEMPLATES.get_template(template).render(**values)
