// The service's answers, as far as the dashboard reads them. /openapi.json describes every field.

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  suggestions?: string[] | null;
  /** Fields that cannot be used: where each is, such as `body.legs.0.strike`, and what is wrong. */
  errors?: { where: string; problem: string }[] | null;
}

export interface Move {
  sessions: number;
  expiry: string;
  expected_move: number;
  lower: number;
  upper: number;
}

export interface Entry {
  symbol: string;
  sector: string | null;
  status: string;
  as_of: string;
  last_close: number;
  change: number | null;
  prediction: number;
  probability_up: number;
  week: Move | null;
  month: Move | null;
  stale: boolean;
  sessions_behind: number;
  model_stale: boolean;
  trained_at: string | null;
  prices_source: string;
  closes: (number | null)[];
}

export interface Overview {
  symbols: Entry[];
  failures: Record<string, Problem>;
}

export interface Symbols {
  symbols: { symbol: string; model: "gnn" | "momentum" }[];
}

export interface Prices {
  symbol: string;
  sessions: string[];
  open: (number | null)[];
  high: (number | null)[];
  low: (number | null)[];
  close: (number | null)[];
}

interface Ahead {
  symbol: string;
  status: string;
  model: string;
  as_of: string;
  price: number;
  price_source: string;
  dividends: string | null;
  prices_source: string;
  prices_provider: string;
  last_close: number;
  stale: boolean;
  sessions_behind: number;
  trained_at: string | null;
  model_stale: boolean;
  calibration_sessions: number;
  notes: string[];
}

export interface FanSession {
  sessions: number;
  expiry: string;
  volatility: number;
  expected_move: number;
  median: number;
  lower: number[];
  upper: number[];
}

export interface Fan extends Ahead {
  levels: number[];
  path: FanSession[];
}

export interface Curve extends Ahead {
  sessions: number;
  expiry: string;
  closes: number[];
  below: number[];
  touched: number[];
}

export interface Probability extends Ahead {
  strike: number;
  sessions: number;
  probability_above: number;
  probability_below: number;
  probability_touched: number;
  beyond_calibration: boolean;
}

export interface ChainExpiry {
  expiry: string;
  sessions: number;
  strikes: number[];
  probability_above: number[];
  probability_touched: number[] | null;
  implied_volatilities: (number | null)[] | null;
  risk_neutral_above: (number | null)[] | null;
  difference: (number | null)[] | null;
  call_values: number[] | null;
  put_values: number[] | null;
}

export interface Chain extends Ahead {
  rate: number;
  expiries: ChainExpiry[];
}

export interface Leg {
  kind: "call" | "put" | "stock";
  side: "buy" | "sell";
  /** Shares. */
  quantity: number;
  strike: number | null;
  expiry: string | null;
  /** Dollars a share; null where the service is to say it. */
  premium: number | null;
}

export interface Templates extends Ahead {
  sessions: number;
  expiry: string;
  templates: { name: string; says: string; net: "credit" | "debit"; probabilities: number[]; legs: Omit<Leg, "premium">[] }[];
}

export interface Strategy extends Ahead {
  on: string;
  sessions: number;
  legs: (Leg & { premium_source: string; volatility: number | null })[];
  cost: number;
  probability_of_profit: number;
  expected_profit: number;
  expected_profit_if_profitable: number;
  expected_loss_if_unprofitable: number;
  expected_shortfall: number;
  quantiles: { probability: number; profit: number }[];
  break_evens: number[];
  maximum_gain: number | null;
  maximum_loss: number | null;
  curve: { prices: number[]; profits: number[]; densities: number[] };
  rate: number;
}

export interface Interval {
  level: number;
  lower: number;
  upper: number;
}

export interface Distribution extends Ahead {
  sessions: number;
  expiry: string;
  volatility: number;
  expected_move: number;
  mean: number;
  quantiles: { probability: number; close: number }[];
  intervals: Interval[];
  dividend: number;
  ex_dates: string[];
}

export interface Graph {
  symbol: string;
  as_of: string;
  threshold: number;
  nodes: { symbol: string; sector: string | null; present: boolean; volatility: number; momentum: number; volume: number }[];
  edges: { source: string; target: string; correlation: number }[];
  correlations: number[][];
  attention_of_target: Record<string, number>;
}

export interface Job {
  id: string;
  kind: string;
  symbol: string | null;
  state: "queued" | "running" | "done" | "failed";
  error: string | null;
}

export interface Known {
  symbol: string;
  model: string;
  sector: string | null;
  in_memory: boolean;
  metadata: Metadata | null;
  refused: string | null;
  training: Job | null;
  prices_source: string;
  first_session: string | null;
  last_session: string | null;
  sessions: number | null;
  live: LiveFigures | null;
  out_of_band: string | null;
}

/** Live forecasts against what happened. */
export interface LiveFigures {
  forecasts: number;
  first: string | null;
  last: string | null;
  ic: number | null;
  hit_rate: number | null;
  coverage: Record<string, number>;
  r2_vs_zero: number | null;
  r2_vs_momentum: number | null;
  error_ratio: number | null;
}

export interface HorizonFigures {
  forecasts: number;
  stretches: number;
  coverage: Record<string, number>;
  usual: Record<string, [number, number]>;
  out_of_band: Record<string, boolean>;
  qlike: number | null;
}

export interface LiveQuality {
  as_of: string;
  window: number;
  panel: LiveFigures;
  symbols: Record<string, LiveFigures>;
  horizons: Record<string, HorizonFigures>;
  flagged: Record<string, string>;
}

/** What was stated, how often it came, and a 95 % interval for the true probability. */
export interface Observed {
  probability: number;
  share: number;
  low: number;
  high: number;
}

export interface HorizonReliability {
  sessions: number;
  forecasts: number;
  independent: number;
  first: string;
  last: string;
  below: Observed[];
  inside: Observed[];
}

export interface Reliability {
  symbol: string;
  window: number;
  live: HorizonReliability[];
  evaluated: {
    first_session: string;
    last_session: string;
    forecaster: string;
    symbols: number;
    survivorship: string;
    measured_at: string;
    horizons: HorizonReliability[];
  } | null;
}

export interface MarketSymbol {
  symbol: string;
  sector: string | null;
  cluster: number;
  mean_correlation: number;
  mean_change: number;
}

export interface Market {
  as_of: string;
  before: string;
  threshold: number;
  symbols: MarketSymbol[];
  edges: { source: number; target: number; correlation: number }[];
  changes: { source: string; target: string; before: number; now: number }[];
  mean_correlation: number;
  mean_correlation_before: number;
  left_out: string[];
}

export interface Latency {
  cached: boolean;
  count: number;
  median: number | null;
  p95: number | null;
  p99: number | null;
}

export interface Run {
  kind: string;
  state: "running" | "done" | "failed" | "interrupted";
  started_at: string;
  seconds: number | null;
  symbols: Record<string, number>;
}

export interface Operations {
  at: string;
  started_at: string;
  version: string;
  problems: string[];
  models: number;
  models_in_memory: number;
  model_bytes: number;
  cache_hits: number;
  cache_misses: number;
  old_models: number;
  memory_bytes: number;
  latency: Latency[];
  requests: Record<string, number>;
  refused: Record<string, number>;
  in_flight: number;
  waiting: number;
  streams: number;
  jobs_waiting: number;
  jobs: Record<string, number>;
  sources: { source: string; symbols: number; last_session: string | null; sessions_behind: number }[];
  runs: Run[];
  quality: LiveQuality | null;
}

export interface Metadata {
  training_date: string;
  training_config: Record<string, unknown> & { correlated_symbols: string[]; architecture: string };
  performance_metrics: {
    training_time_seconds: number;
    num_params: number;
    out_of_sample: OutOfSample;
  };
  data_stats: {
    first_session: string;
    last_session: string;
    training_sessions: number;
    calibration_sessions: number;
    num_edges: number;
    avg_correlation: number;
    source: string;
  };
  variance: {
    first_session: string;
    last_session: string;
    universe_symbols: number;
    qlike: Record<string, { network: number; linear: number; today: number }>;
  } | null;
  versions: Record<string, string>;
}

export interface OutOfSample {
  first_session: string;
  last_session: string;
  sessions: number;
  ic: number | null;
  rank_ic: number | null;
  hit_rate: number | null;
  hit_rate_momentum: number | null;
  mse: number;
  mse_zero: number;
  mse_mean: number;
  mse_momentum: number;
  r2_vs_zero: number | null;
  coverage: Record<string, number>;
  width: Record<string, number>;
  brier: number | null;
  brier_base: number | null;
}
