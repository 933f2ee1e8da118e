"""The same forecasts behind Ray Serve, by its model multiplexing: python ray_app.py PORT REPLICAS MODELS PRICES

Says "ready" when it answers, and ends with its standard input. A request names its model in a header, as those of Ray
Serve's clients do. Ray Serve sends it to the replica that has the model.
"""

from __future__ import annotations

import asyncio
import sys

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from tickgraph.api import load
from tickgraph.serving.forecaster import Forecaster


@serve.deployment(max_ongoing_requests=256)
class Forecasts:
    """A replica: one forecaster, in which a symbol's model, prices and outlook are kept once it was asked for."""

    def __init__(self, models: str, prices: str) -> None:
        self.forecaster: Forecaster = load(models_dir=models, prices_dir=prices)

    @serve.multiplexed(max_num_models_per_replica=10_000)
    async def forecaster_with(self, symbol: str) -> Forecaster:
        """Load a symbol's model, in a thread, so that requests for others go on."""
        await asyncio.to_thread(self.forecaster.forecast, symbol, 1.0)
        return self.forecaster

    async def __call__(self, request: Request) -> Response:
        """Answer one request as tickgraph's own service does."""
        symbol = serve.get_multiplexed_model_id()
        forecaster = await self.forecaster_with(symbol)
        answer = forecaster.forecast(symbol, float(request.query_params["price"]))
        return Response(answer.model_dump_json().encode(), media_type="application/json")


def main() -> None:
    port, replicas, models, prices = sys.argv[1:]
    ray.init(num_cpus=int(replicas), include_dashboard=False, log_to_driver=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    serve.run(Forecasts.options(num_replicas=int(replicas)).bind(models, prices))
    print("ready", flush=True)
    sys.stdin.read()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
