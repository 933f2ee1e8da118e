// What the profit is taken at: the day, the price of now, the rate, and the volatility of what goes on.
import { counted, longDay } from "../format";
import { remember } from "../route";
import type { FanSession } from "../service/answers";
import { NumberField } from "./number_field";

export interface Assumed {
  on: string | null;
  volatility: number | null;
  rate: number | null;
  dividends: number | null;
  price: number | null;
}

export function readAssumed(words: URLSearchParams): Assumed {
  const number = (name: string) => {
    const text = words.get(name);
    return text !== null && text !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
  };
  return {
    on: words.get("on"),
    volatility: number("volatility"),
    rate: number("rate"),
    dividends: number("yield"),
    price: number("price"),
  };
}

interface Props {
  assumed: Assumed;
  path: FanSession[];
  /** When the first option expires. */
  first: string;
  /** Whether some option does; else `first` is the session chosen for new legs. */
  expires: boolean;
  lastClose: string;
  /** Of the answer, where something goes on: the forecast's own volatility. */
  own: string | null;
  faults: Map<string, string>;
}

export function Assumptions({ assumed, path, first, expires, lastClose, own, faults }: Props) {
  const days = path.filter((session) => session.expiry < first);
  const set = (name: string) => (value: number | null) => remember({ [name]: value === null ? null : String(value) });
  const share = (name: string) => (value: number | null) => remember({ [name]: value === null ? null : String(Number((value / 100).toFixed(8))) });
  const hundred = (value: number | null) => (value === null ? null : Number((100 * value).toFixed(6)));
  return (
    <div class="assumptions">
      <div>
        <label>
          <span>Profit at the close of</span>
          <select value={assumed.on ?? ""} aria-invalid={faults.has("on")} aria-describedby="on-fault" onChange={(event) => remember({ on: event.currentTarget.value || null })}>
            <option value="">
              {longDay(first)}, {expires ? "first expiry" : "as chosen above"}
            </option>
            {days.reverse().map((session) => (
              <option key={session.expiry} value={session.expiry}>
                {longDay(session.expiry)}, {counted(session.sessions, "session")}
              </option>
            ))}
            {assumed.on && !days.some((session) => session.expiry === assumed.on) && <option value={assumed.on}>{longDay(assumed.on)}</option>}
          </select>
        </label>
        <p id="on-fault" class="fault" role="alert">
          {faults.get("on")}
        </p>
      </div>
      <div>
        <NumberField id="price-now" label="Price now, in dollars" caption="Price now, in dollars" value={assumed.price} placeholder={lastClose} optional fault={faults.get("price")} set={set("price")} />
      </div>
      <div>
        <NumberField id="volatility" label="Volatility a year, in %" caption="Volatility after that day, in %" value={hundred(assumed.volatility)} placeholder={own ?? "forecast's own"} optional fault={faults.get("volatility")} set={share("volatility")} />
      </div>
      <div>
        <NumberField id="rate" label="Interest a year, in %" caption="Interest a year, in %" value={hundred(assumed.rate)} placeholder="0" optional fault={faults.get("rate")} set={share("rate")} />
      </div>
      <div>
        <NumberField id="dividend-yield" label="Dividends a year, in %" caption="Dividends a year, in %" value={hundred(assumed.dividends)} placeholder="as forecast" optional fault={faults.get("dividend_yield")} set={share("yield")} />
      </div>
    </div>
  );
}
