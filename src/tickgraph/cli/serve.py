"""``tickgraph serve``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tickgraph.cli.options import Exchange, ModelsDir, PricesDir, Source, SourcePath, given
from tickgraph.cli.output import note, stderr
from tickgraph.errors import InputError
from tickgraph.extras import lacking
from tickgraph.settings import Settings, load_settings
from tickgraph.wording import counted


def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Where to listen.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", show_default="8000")] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            metavar="PREFIX", help="Path prefix behind a reverse proxy, such as /tick.", show_default="none"
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer.", show_default="1")] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="LIMIT", help="Most requests of one client, such as 100/second.", show_default="none"
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="console or json.", show_default="console")
    ] = None,
    access_log: Annotated[
        bool | None, typer.Option("--access-log", help="Log every request, not only slow and failed ones.")
    ] = None,
    on_demand: Annotated[
        bool | None,
        typer.Option("--on-demand/--no-on-demand", help="Train symbols without a model in the background."),
    ] = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
) -> None:
    """Serve forecasts over HTTP, from trained models and stored prices.

    The service loads a model when somebody first asks for it, and takes up newer models without a restart. Secrets are
    not options: set `TICKGRAPH_SERVE__ADMIN_TOKEN` to turn on /admin, and `TICKGRAPH_SERVE__API_KEYS='["KEY"]'` to
    ask for X-API-Key. The table `[serve]` of tickgraph.toml has the rest. Routes: http://127.0.0.1:8000/docs
    """
    try:
        from tickgraph.http.server import run
    except ImportError as error:
        raise InputError(lacking("Serving", "serve", error)) from error
    table = {
        "host": host,
        "port": port,
        "root_path": root_path,
        "workers": workers,
        "rate_limit": rate_limit,
        "log_format": log_format,
        "access_log": access_log,
        "train_on_demand": on_demand,
    }
    flags = {
        "source": source,
        "source_path": source_path,
        "models_dir": models_dir,
        "prices_dir": prices_dir,
        "exchange": exchange,
        "serve": given(table) or None,
    }
    settings = load_settings(**flags)
    run(settings, json.dumps(given(flags), default=str), lambda: _introduce(settings))


def _introduce(settings: Settings) -> None:
    chosen = settings.serve
    trained = len(settings.open_registry().symbols())
    stored = len(settings.price_store().symbols(settings.source))
    if not trained and not stored:
        note(
            f"no trained model in {settings.models_dir} and no prices from {settings.source!r} in "
            f"{settings.prices_dir}: every symbol is unknown. Run: tickgraph train --symbols TIER_1"
        )
    elif not trained:
        note(
            f"no trained model in {settings.models_dir}: momentum answers. Run: tickgraph train --symbols TIER_1"
        )
    if chosen.host not in ("127.0.0.1", "localhost", "::1") and not chosen.api_keys:
        note(f"listening on {chosen.host} without API keys: anyone who can reach it may ask")
    stderr.print(
        f"serving {counted(trained, 'trained model')}; the dashboard is at {settings.serve.root_path}/, "
        f"routes are described on {settings.serve.root_path}/docs",
        highlight=False,
    )
