// The distribution of the close at the chosen expiry, and what it says of a strike.
import { useRef, useState } from "preact/hooks";
import { counted, dollars, longDay, percent, shortDay, signedPercent } from "../format";
import { Pair } from "../pair";
import { remember } from "../route";
import type { Curve, Distribution, Fan, FanSession, Probability } from "../service/answers";
import { useResource } from "../service/resource";
import { Failed, Loading, NotRenewed } from "../states";
import { useSettled } from "../settled";
import { Histogram } from "./histogram";
import { below, isOutside, touched } from "./curve";

interface Props {
  fan: Fan;
  session: FanSession;
  strike: string | null;
  query: string;
}

export function DistributionPanel({ fan, session, strike, query }: Props) {
  const sessions = useSettled(session.sessions);
  const words = `?sessions=${sessions}${query.replace("?", "&")}`;
  const path = `forecast/${encodeURIComponent(fan.symbol)}`;
  const concerns = () => false; // a newer fan brings a newer key
  const version = `${fan.as_of} ${fan.trained_at} ${fan.price}`;
  const curve = useResource<Curve>(`${path}/curve${words}`, `${fan.symbol} ${version}`, concerns);
  const summary = useResource<Distribution>(`${path}/distribution${words}`, `${fan.symbol} ${version}`, concerns);
  const problem = curve.problem ?? summary.problem;
  const figures = summary.data?.expiry === curve.data?.expiry ? summary.data : null;
  return (
    <section class="panel" aria-labelledby="distribution-title">
      <div class="panel-head">
        <h2 id="distribution-title">Close on {longDay(curve.data?.expiry ?? session.expiry)}</h2>
      </div>
      {problem && curve.data && <NotRenewed problem={problem} retry={() => (curve.reload(), summary.reload())} />}
      {problem && !curve.data ? (
        <Failed problem={problem} retry={() => (curve.reload(), summary.reload())} />
      ) : curve.data ? (
        <div class="distribution">
          <div>
            <Strike curve={curve.data} strike={strike} />
            {figures && <Quantiles distribution={figures} />}
          </div>
          {figures ? <Figures distribution={figures} /> : <Loading what="figures" />}
        </div>
      ) : (
        <Loading what="the distribution" tall />
      )}
    </section>
  );
}

function readStrike(text: string | null): number | null {
  const strike = Number(text);
  return text && Number.isFinite(strike) && strike > 0 && strike <= 1e7 ? strike : null;
}

function Strike({ curve, strike: word }: { curve: Curve; strike: string | null }) {
  const given = readStrike(word);
  const [strike, setStrike] = useState(given ?? curve.price);
  const followed = useRef(given ?? curve.price);
  const target = given ?? curve.price;
  if (followed.current !== target) {
    followed.current = target;
    setStrike(target);
  }
  const settle = (value: number) => remember({ strike: String(value) });
  return (
    <div class="strike">
      <Histogram curve={curve} strike={strike} move={setStrike} settle={settle} />
      <div class="readout">
        <StrikeInput strike={strike} settle={settle} />
        <OddsOf curve={curve} strike={strike} />
      </div>
    </div>
  );
}

/** While the strike moves, the odds are read off the curve; once it rests, they are the service's own. */
function OddsOf({ curve, strike }: { curve: Curve; strike: number }) {
  const rests = useSettled(strike);
  const path = `forecast/${encodeURIComponent(curve.symbol)}/probability?strike=${rests}&sessions=${curve.sessions}`;
  const price = curve.price_source === "request" ? `&price=${curve.price}` : "";
  const of = `${path} ${curve.price} ${curve.as_of} ${curve.trained_at}`;
  const { data } = useResource<Probability>(path + price, of, () => false);
  const exact = data && rests === strike ? data : null;
  const share = exact?.probability_below ?? below(curve, strike);
  const rare = exact ? exact.beyond_calibration : isOutside(curve, strike);
  const odds = (probability: number) => (rare && probability < 0.5 ? `under ${percent(probability)}` : percent(probability));
  return (
    <dl class="odds" aria-live="polite" data-exact={exact !== null}>
      <div class="below">
        <dt>Below</dt>
        <dd>{odds(share)}</dd>
      </div>
      <div class="above">
        <dt>Above</dt>
        <dd>{odds(exact?.probability_above ?? 1 - share)}</dd>
      </div>
      <div>
        <dt>Touched by then</dt>
        <dd>{odds(exact?.probability_touched ?? touched(curve, strike))}</dd>
      </div>
      <div>
        <dt>From the price</dt>
        <dd>{signedPercent(strike / curve.price - 1)}</dd>
      </div>
    </dl>
  );
}

function StrikeInput({ strike, settle }: { strike: number; settle: (value: number) => void }) {
  const [text, setText] = useState<string | null>(null);
  const read = readStrike(text?.trim().replace(/[$,]/g, "") ?? null);
  const fault = text !== null && text.trim() !== "" && read === null;
  const use = (event: Event) => {
    event.preventDefault();
    if (read !== null) settle(read);
    if (!fault) setText(null);
  };
  return (
    <form onSubmit={use}>
      <label>
        <span>Strike, in dollars</span>
        <input
          inputMode="decimal"
          autocomplete="off"
          value={text ?? strike.toFixed(2)}
          onInput={(event) => setText(event.currentTarget.value)}
          onBlur={use}
          aria-invalid={fault}
          aria-describedby="strike-fault"
        />
      </label>
      <p id="strike-fault" class="fault" role="alert">
        {fault && "Write a strike such as 135."}
      </p>
    </form>
  );
}

function Quantiles({ distribution: { quantiles } }: { distribution: Distribution }) {
  return (
    <div class="below-which">
      <h3>The close lies below, with probability</h3>
      <dl class="quantiles">
        {quantiles.map(({ probability, close }) => (
          <div key={probability}>
            <dt>{percent(probability, 0)}</dt>
            <dd>{dollars(close)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Figures({ distribution }: { distribution: Distribution }) {
  const { price, expected_move, mean, volatility, intervals, dividend, dividends, ex_dates } = distribution;
  return (
    <dl class="pairs">
      <Pair name="Price that it starts from">
        {dollars(price)} <small>{distribution.price_source === "request" ? "yours" : "last close"}</small>
      </Pair>
      <Pair name="Expected move">
        ±{dollars(expected_move)} <small>{percent(expected_move / price)}</small>
      </Pair>
      {intervals.map(({ level, lower, upper }) => (
        <Pair key={level} name={`${percent(level, 0)} interval`}>
          {dollars(lower)} – {dollars(upper)}
        </Pair>
      ))}
      <Pair name="Mean close">{dollars(mean)}</Pair>
      <Pair name="Volatility a year">{percent(volatility)}</Pair>
      {dividends && (
        <Pair name="Dividends taken off">
          {dividend ? dollars(dividend) : "none"}
          {ex_dates.length > 0 && <small> ex {ex_dates.map(shortDay).join(", ")}</small>}
        </Pair>
      )}
      <Pair name="Calibrated on">{counted(distribution.calibration_sessions, "held-out session")}</Pair>
    </dl>
  );
}
