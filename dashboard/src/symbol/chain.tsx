// The chain of options as a heat map over strikes and expiries, with the market's quotes beside the forecast.
import { useEffect, useMemo, useState } from "preact/hooks";
import { cents, counted, percent, signedPercent } from "../format";
import { remember, toStrategy } from "../route";
import type { Chain, Fan, FanSession, Leg } from "../service/answers";
import { Failed, Loading, NotRenewed } from "../states";
import { CONTRACT, MOST_LEGS, described, readLegs, writeLeg } from "../strategy/legs";
import { HeatMap, type Measure } from "./heat_map";
import { QuotesForm } from "./quotes_form";
import { useChain } from "./use_chain";

const MEASURES: Measure[] = [
  { name: "above", title: "Above", values: (expiry) => expiry.probability_above, span: [0, 1], show: percent },
  { name: "touch", title: "Touched", values: (expiry) => expiry.probability_touched, span: [0, 1], show: percent },
  { name: "market", title: "Market: above", values: (expiry) => expiry.risk_neutral_above, span: [0, 1], show: percent },
  { name: "difference", title: "Difference", values: (expiry) => expiry.difference, span: [0, 0.2], show: (value) => signedPercent(value, 1) },
  { name: "implied", title: "Implied volatility", values: (expiry) => expiry.implied_volatilities, span: [0, 1], show: percent },
  { name: "call", title: "Call value", values: (expiry) => expiry.call_values, span: [0, 0], show: cents },
  { name: "put", title: "Put value", values: (expiry) => expiry.put_values, span: [0, 0], show: cents },
];

const ACTIONS = ["look", "buy call", "sell call", "buy put", "sell put"] as const;
type Action = (typeof ACTIONS)[number];

interface Props {
  fan: Fan;
  session: FanSession;
  strike: number;
  words: URLSearchParams;
  /** Whether the chain is there to add legs from, and for nothing else. */
  adding?: boolean;
}

export function ChainPanel({ fan, session, strike, words, adding = false }: Props) {
  const [file, setFile] = useState<string | null>(null);
  const [rate, setRate] = useState("0");
  const { chain, problem, retry } = useChain(fan, file, Number(adding ? (words.get("rate") ?? 0) : rate) || 0);
  const [wanted, setWanted] = useState(adding ? "call" : "above");
  const [action, setAction] = useState<Action>(adding ? "buy call" : "look");
  const there = useMemo(() => MEASURES.filter((measure) => chain?.expiries.some((expiry) => measure.values(expiry))), [chain]);
  const measure = there.find((each) => each.name === wanted) ?? there[0];
  useEffect(() => {
    if (!adding) setWanted(file === null ? "above" : "difference");
  }, [file]);
  const choose = (next: Action) => {
    setAction(next);
    if (next !== "look" && there.some(({ name }) => name === next.split(" ")[1])) setWanted(next.split(" ")[1]);
  };
  const picked = usePicked(words, action, fan);
  return (
    <section class="panel" aria-labelledby="chain-title">
      <div class="panel-head">
        <h2 id="chain-title">{adding ? "Add legs from the chain" : "Options: every strike and expiry"}</h2>
        <div class="choices" role="group" aria-label="What the chain shows">
          {there.map(({ name, title }) => (
            <button key={name} type="button" aria-pressed={measure?.name === name} onClick={() => setWanted(name)}>
              {title}
            </button>
          ))}
        </div>
      </div>
      <div class="picking">
        <span id="picking-title">A click on a cell</span>
        <div class="choices" role="group" aria-labelledby="picking-title">
          {ACTIONS.filter((each) => !adding || each !== "look").map((each) => (
            <button key={each} type="button" aria-pressed={action === each} onClick={() => choose(each)}>
              {DOES[each]}
            </button>
          ))}
        </div>
      </div>
      {problem && (!chain || file !== null) ? (
        <Failed problem={problem} retry={retry}>
          {file !== null && (
            <p>
              <button type="button" onClick={() => setFile(null)}>
                Back to the forecast alone
              </button>
            </p>
          )}
        </Failed>
      ) : chain && measure ? (
        <>
          {problem && <NotRenewed problem={problem} retry={retry} />}
          <p class="muted">{explained(measure.name)}</p>
          <HeatMap
            chain={chain}
            measure={measure}
            session={session}
            does={action === "look" ? "Enter takes a cell's strike and expiry" : `Enter adds or removes a leg: ${action}`}
            pressed={action === "look" ? (level, expiry) => level === strike && expiry === session.expiry : picked.has}
            pick={action === "look" ? (level, expiry) => remember({ strike: String(level), expiry }) : picked.toggle}
          />
          <ChainNotes chain={chain} quoted={file !== null} />
        </>
      ) : (
        <Loading what="the chain" tall />
      )}
      {!adding && <Tray symbol={fan.symbol} words={words} />}
      {!adding && <QuotesForm symbol={fan.symbol} path={fan.path} quoted={file !== null} rate={rate} setRate={setRate} use={setFile} />}
    </section>
  );
}

const DOES: Record<Action, string> = {
  look: "Looks it up",
  "buy call": "Buys a call",
  "sell call": "Sells a call",
  "buy put": "Buys a put",
  "sell put": "Sells a put",
};

/** Which cells are legs of the strategy in the address, by side and kind, and what puts one in or takes it out. */
function usePicked(words: URLSearchParams, action: Action, fan: Fan) {
  const { legs } = readLegs(words);
  const [side, kind] = action.split(" ");
  const at = (strike: number, expiry: string) =>
    legs.findIndex((leg) => leg.strike === strike && leg.expiry === expiry && leg.kind === kind && leg.side === side);
  return {
    has: (strike: number, expiry: string) => at(strike, expiry) >= 0,
    toggle: (strike: number, expiry: string) => {
      const index = at(strike, expiry);
      const leg = { side, kind, strike, expiry, quantity: CONTRACT, premium: null } as Leg;
      const after = index < 0 ? [...legs, leg].slice(0, MOST_LEGS) : legs.filter((_, each) => each !== index);
      remember({ leg: after.map(writeLeg), ...(fan.price_source === "request" ? { price: String(fan.price) } : {}) });
    },
  };
}

/** Legs that were clicked, and the way to what they may earn. */
function Tray({ symbol, words }: { symbol: string; words: URLSearchParams }) {
  const { legs } = readLegs(words);
  const kept = new URLSearchParams();
  for (const leg of legs) kept.append("leg", writeLeg(leg));
  const price = words.get("price");
  if (price) kept.set("price", price);
  return (
    <div class="tray" role="status">
      {legs.length > 0 && (
        <>
          <p>
            <strong>{counted(legs.length, "leg")}:</strong> {legs.map(described).join("; ")}
          </p>
          <p class="actions">
            <a class="button primary" href={toStrategy(symbol, kept)}>
              See what they may earn
            </a>
            <button type="button" onClick={() => remember({ leg: null })}>
              Forget them
            </button>
          </p>
        </>
      )}
    </div>
  );
}

function explained(name: string): string {
  return {
    above: "Probability by the forecast that the close of the expiry is above the strike. A cell takes its strike and expiry up above.",
    touch: "Probability by the forecast that a day's high, or low, gets to the strike by the expiry.",
    market: "Risk-neutral probability of a close above the strike, from the implied volatility: N(d₂).",
    difference: "The forecast's probability of a close above the strike, less the market's. Blue: the forecast thinks it likelier.",
    implied: "Annualised; that of your quotes, or of their mid prices.",
    call: "Dollars; fair value of a call under the forecast's distribution, centred on the forward.",
    put: "Dollars; fair value of a put under the forecast's distribution, centred on the forward.",
  }[name] as string;
}

function ChainNotes({ chain, quoted }: { chain: Chain; quoted: boolean }) {
  const notes = quoted ? chain.notes.filter((note) => /left out|usable|no volatility|mid price/.test(note)) : [];
  if (!notes.length) return null;
  return (
    <ul class="muted chain-notes">
      {notes.map((note) => (
        <li key={note}>{note.charAt(0).toUpperCase() + note.slice(1)}.</li>
      ))}
    </ul>
  );
}
