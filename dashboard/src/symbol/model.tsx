// What is known of the model: its figures out of sample, how it was made, and how to have it made again.
import { useEffect, useState } from "preact/hooks";
import { count, counted, decimal, percent, scientific, shortDay, time } from "../format";
import { Pair } from "../pair";
import type { Job, Known, Metadata, OutOfSample } from "../service/answers";
import { ServiceError, order } from "../service/ask";
import { given, secret } from "../service/credentials";
import { listen } from "../service/events";
import { useStore } from "../service/store";

export function ModelPanel({ known }: { known: Known }) {
  const { metadata } = known;
  return (
    <section class="panel" aria-labelledby="model-title">
      <div class="panel-head">
        <h2 id="model-title">The model</h2>
        <Retrain known={known} />
      </div>
      {metadata ? (
        <div class="about-model">
          <Figures figures={metadata.performance_metrics.out_of_sample} />
          {metadata.variance && <VarianceFigures variance={metadata.variance} />}
          <MadeFrom metadata={metadata} />
        </div>
      ) : (
        <>
          <p>
            {known.symbol} has no model. Momentum, the mean of its own last returns, forecasts the next session.{" "}
            {known.sessions
              ? `${counted(known.sessions, "session")} of prices from ${shortDay(known.first_session)} to ${shortDay(known.last_session)} are stored.`
              : "No prices are stored."}
          </p>
        </>
      )}
    </section>
  );
}

/** Figures over sessions that training never saw, beside those of naive forecasts. */
function Figures({ figures }: { figures: OutOfSample }) {
  const best = Math.min(figures.mse, figures.mse_zero, figures.mse_mean, figures.mse_momentum);
  const errors = [
    { name: "This model", mse: figures.mse, hits: figures.hit_rate },
    { name: "No move", mse: figures.mse_zero, hits: null },
    { name: "Mean of the training window", mse: figures.mse_mean, hits: null },
    { name: "Momentum of 20 sessions", mse: figures.mse_momentum, hits: figures.hit_rate_momentum },
  ];
  return (
    <div>
      <h3>Next session, out of sample</h3>
      <p class="muted">
        {counted(figures.sessions, "session")} held out of training, {shortDay(figures.first_session)} to {shortDay(figures.last_session)}.
      </p>
      <table class="figures-table">
        <thead>
          <tr>
            <th scope="col">Forecast</th>
            <th scope="col">Squared error</th>
            <th scope="col">Sign right</th>
          </tr>
        </thead>
        <tbody>
          {errors.map(({ name, mse, hits }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                {scientific(mse)}
                {mse === best && <small> lowest</small>}
              </td>
              <td>{percent(hits)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl class="pairs">
        <Pair name="Information coefficient">{decimal(figures.ic)}</Pair>
        <Pair name="Rank coefficient">{decimal(figures.rank_ic)}</Pair>
        {Object.entries(figures.coverage).map(([level, share]) => (
          <Pair key={level} name={`${percent(Number(level), 0)} interval held`}>
            {percent(share)}
          </Pair>
        ))}
        <Pair name="Brier score of a rise">
          {decimal(figures.brier)} <small>base rate {decimal(figures.brier_base)}</small>
        </Pair>
      </dl>
    </div>
  );
}

function VarianceFigures({ variance }: { variance: NonNullable<Metadata["variance"]> }) {
  const rows = Object.entries(variance.qlike);
  if (!rows.length) return null;
  return (
    <div>
      <h3>How far the price moves, by horizon</h3>
      <p class="muted">
        QLIKE of the variance over {counted(variance.universe_symbols, "symbol")}, {shortDay(variance.first_session)} to{" "}
        {shortDay(variance.last_session)}; lower is better.
      </p>
      <table class="figures-table">
        <thead>
          <tr>
            <th scope="col">Sessions</th>
            <th scope="col">Network</th>
            <th scope="col">Its linear part</th>
            <th scope="col">Mean of 25 sessions</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([sessions, { network, linear, today }]) => (
            <tr key={sessions}>
              <th scope="row">{sessions}</th>
              {[network, linear, today].map((value, index) => (
                <td key={index} class={value === Math.min(network, linear, today) ? "best" : undefined}>
                  {decimal(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function MadeFrom({ metadata }: { metadata: Metadata }) {
  const { training_config: config, performance_metrics: performance, data_stats: data } = metadata;
  return (
    <div>
      <h3>How it was made</h3>
      <dl class="pairs">
        <Pair name="Trained">
          {time(metadata.training_date)} <small>in {performance.training_time_seconds.toFixed(1)} s</small>
        </Pair>
        <Pair name="Prices">
          {shortDay(data.first_session)} – {shortDay(data.last_session)} <small>source {data.source}</small>
        </Pair>
        <Pair name="Sessions">
          {count(data.training_sessions)} for training, {count(data.calibration_sessions)} held out
        </Pair>
        <Pair name="Architecture">
          {config.architecture} <small>{counted(performance.num_params, "parameter")}</small>
        </Pair>
        <Pair name="Peers">{config.correlated_symbols.join(", ")}</Pair>
        <Pair name="Mean absolute correlation">{decimal(data.avg_correlation, 2)}</Pair>
        <Pair name="Made by">{`tickgraph ${metadata.versions.tickgraph ?? ""}`}</Pair>
      </dl>
    </div>
  );
}

const STATES = { queued: "Training", running: "Training", done: "Trained", failed: "Training failed" };

function Retrain({ known }: { known: Known }) {
  const { symbol } = known;
  const [started, setStarted] = useState<Job | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [waits, setWaits] = useState<"answer" | "token" | null>(null);
  const tokens = useStore(given);
  const job = started ?? known.training;
  const busy = waits === "answer" || job?.state === "queued" || job?.state === "running";

  const train = async () => {
    setWaits("answer");
    setFault(null);
    try {
      setStarted(await order<Job>(`admin/retrain/${encodeURIComponent(symbol)}`));
      setWaits(null);
    } catch (error) {
      const problem = error instanceof ServiceError ? error.problem : null;
      setWaits(problem?.status === 401 ? "token" : null); // the dialog asks for it
      if (problem?.status === 404) setFault("This service has no admin token, so no page can have a model trained.");
      else if (problem?.status !== 401) setFault(problem?.detail ?? String(error));
    }
  };
  useEffect(() => {
    if (waits === "token" && secret("token")) void train();
  }, [tokens]);
  useEffect(
    () =>
      listen((event) => {
        if (event.kind === "job" && event.job.id === job?.id) setStarted(event.job);
        if (event.kind === "anew") setStarted(null); // its end may have been missed: the service says what it knows
      }),
    [job?.id],
  );
  useEffect(() => setStarted(null), [symbol]);
  return (
    <div class="retrain">
      <p role="status" class={fault || job?.state === "failed" ? "fault" : "muted"}>
        {fault ?? (job ? `${STATES[job.state]}${job.error ? `: ${job.error}` : ""}` : "")}
      </p>
      <button type="button" disabled={busy} onClick={() => void train()}>
        {known.metadata ? "Train again" : "Train a model"}
      </button>
    </div>
  );
}
