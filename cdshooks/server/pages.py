"""The routes for people and for whoever watches the process: home page, health, demo stories."""

from __future__ import annotations

from flask import Flask, Response, render_template

from cdshooks.hooks.blocks import capital
from cdshooks.hooks.errors import RequestError
from cdshooks.server.card_html import on_one_line
from cdshooks.server.demo_pages import add_demo
from cdshooks.server.home import due_next, policies_on, products_on
from cdshooks.server.replies import json_reply
from cdshooks.server.site import Site
from cdshooks.server.stories import curl_line, fire_line

_DUE_SHOWN = 6


def add_pages(app: Flask, site: Site) -> None:
    """Route the home page and health; in demo mode the stories too."""
    _add_home(app, site)
    _add_health(app, site)
    if site.settings.demo:
        _add_stories(app, site)
        add_demo(app, site)
    app.add_template_filter(on_one_line, "days")
    app.add_template_filter(capital, "opening")
    app.context_processor(lambda: {"pages": app.view_functions})


def _add_home(app: Flask, site: Site) -> None:
    @app.get("/")
    def home() -> str:
        today, base = site.today(), site.base_url()
        rosters, policies = site.rosters.current(), list(policies_on(site.library, today))
        return render_template(
            "home.html",
            notice=site.settings.notice,
            base=base,
            today=today,
            services=site.discovery["services"],
            policies=policies,
            due=due_next(policies, rosters.rows)[:_DUE_SHOWN],
            rosters=rosters,
            checked=sorted(row.checked_on for row in rosters.rows),
            products=products_on(site.library, today),
            library_hash=site.library.hash,
            stories=list(site.stories.values()),
            curl=curl_line(base),
            fire=fire_line(base),
        )


def _add_health(app: Flask, site: Site) -> None:
    @app.get("/health/live")
    def live() -> Response:
        return json_reply({"status": "live"})

    @app.get("/health/ready")
    def ready() -> Response:
        # There is no process without a library: it is read before the first route exists.
        now = site.rosters.current()
        state = {"library": site.library.hash, "registry": {"version": now.version, "rows": len(now.rows)}}
        if site.rosters.trouble() is not None:
            says = "the store cannot be read; calls are answered with the registry that was read last"
        elif site.recorder.trouble() is not None:
            says = "nothing can be recorded; calls are answered, feedback is refused"
        else:
            return json_reply({"status": "ready", **state})
        return json_reply({"status": "store down", "says": says, **state}, 503)


def _add_stories(app: Flask, site: Site) -> None:
    @app.get("/demo/stories")
    def stories() -> Response:
        base = site.base_url()
        listed = [
            {"name": story.name, "title": story.title, "url": f"{base}/demo/stories/{story.name}"}
            for story in site.stories.values()
        ]
        return json_reply({"today": site.today().isoformat(), "stories": listed})

    @app.get("/demo/stories/<name>")
    def story(name: str) -> Response:
        if name not in site.stories:
            raise RequestError(404, "not-found", "there is no story of that name; GET /demo/stories lists them")
        return Response(site.stories[name].told_on(site.today()), content_type="application/json")
