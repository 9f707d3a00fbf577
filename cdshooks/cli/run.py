"""`cdshooks serve` and `cdshooks stories`: the service itself, and what it can be tried on."""

from __future__ import annotations

import click

from cdshooks.cli.inputs import known_stories, settings_now, unusable_library
from cdshooks.engine.library import LibraryError
from cdshooks.server.settings import SettingsError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@click.option("--demo", is_flag=True, help="Anyone may call; for synthetic data only.")
def serve(host: str, port: int, workers: int, demo: bool) -> None:
    """Run the service under a production web server until interrupted. Settings are environment variables."""
    # The web server is imported here, for few other commands need it and it takes its time.
    from cdshooks.server.serve import run_server
    from cdshooks.server.store import StoreError

    settings = settings_now(CDSHOOKS_MODE="demo") if demo else settings_now()
    try:
        run_server(settings, host, port, workers)
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
    except StoreError as error:
        raise click.ClickException(str(error)) from error
    except LibraryError as error:
        raise unusable_library(error, settings.library) from error


@click.command()
def stories() -> None:
    """List the synthetic stories that ship with the package, to `fire`, `evaluate` and `explain`."""
    told = known_stories()
    width = max(map(len, told))
    for name, story in told.items():
        click.echo(f"{name:<{width}}  {story.title}")
