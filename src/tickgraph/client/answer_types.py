"""What the service answers, under the names that a caller of the client uses."""

from __future__ import annotations

from tickgraph.http import page_answers, responses
from tickgraph.http.responses import Problem as Problem
from tickgraph.pipeline.jobs import Job as Job
from tickgraph.serving.graph_answer import GraphAnswer

Chain = responses.ChainAnswer
Cleared = responses.ClearedAnswer
Curve = responses.CurveAnswer
Distribution = responses.DistributionAnswer
Fan = responses.FanAnswer
Forecast = responses.ForecastAnswer
Forecasts = responses.ForecastsAnswer
Graph = GraphAnswer
Health = responses.HealthAnswer
Jobs = responses.JobsAnswer
Market = page_answers.MarketAnswer
Operations = page_answers.OperationsAnswer
Overview = page_answers.OverviewAnswer
Prices = responses.PricesAnswer
Probability = responses.ProbabilityAnswer
Reliability = page_answers.ReliabilityAnswer
Strategy = responses.StrategyAnswer
SymbolInfo = responses.SymbolAnswer
SymbolList = responses.SymbolsAnswer
Templates = responses.TemplatesAnswer
