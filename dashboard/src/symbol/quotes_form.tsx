// Where a person pastes or uploads the market's quotes.
import { useState } from "preact/hooks";
import type { FanSession } from "../service/answers";

interface Props {
  symbol: string;
  path: FanSession[];
  quoted: boolean;
  rate: string;
  setRate: (rate: string) => void;
  use: (file: string | null) => void;
}

const MOST = 400_000; // what a request may carry, less its head

export function QuotesForm({ symbol, path, quoted, rate, setRate, use }: Props) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const expiry = path[Math.min(path.length, 21) - 1].expiry;
  const price = Math.round(path[0].median);
  const sample = `expiry,strike,type,iv\n${expiry},${price},call,0.31\n${expiry},${price + 5},call,0.29`;

  const take = (given: string) => {
    if (!given.trim()) setFault("Paste quotes here, or choose a file.");
    else if (new Blob([given]).size > MOST) setFault("This is more than 400 kB. Leave out expiries that you do not need.");
    else {
      setFault(null);
      use(given);
    }
  };
  const upload = async (files: FileList | null) => {
    const file = files?.[0];
    if (!file) return;
    const data = new Uint8Array(await file.arrayBuffer());
    const marks: Record<string, string> = { "255,254": "utf-16le", "254,255": "utf-16be" };
    const read = new TextDecoder(marks[data.subarray(0, 2).join()] ?? "utf-8").decode(data);
    setText(read);
    take(read);
  };
  return (
    <details class="quotes-form">
      <summary>Set the market's quotes beside the forecast</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          take(text);
        }}
      >
        <p class="muted" id="quotes-help">
          Paste a chain of {symbol} as Yahoo, CBOE or a broker gives it, or a table of your own with expiry, strike, type and an
          implied volatility, a mid price, or bid and ask. It is sent to this service only, and not kept.
        </p>
        <label>
          <span>Quotes, with a line that names the columns</span>
          <textarea
            rows={6}
            value={text}
            placeholder={sample}
            spellcheck={false}
            aria-describedby="quotes-help quotes-fault"
            aria-invalid={fault !== null}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <div class="row">
          <label>
            <span>Or a file</span>
            <input type="file" accept=".csv,.tsv,.txt,text/csv" onChange={(event) => void upload(event.currentTarget.files)} />
          </label>
          <label>
            <span>Interest rate a year, in %</span>
            <input
              inputMode="decimal"
              autocomplete="off"
              value={String(Number((100 * Number(rate)).toFixed(6)))}
              onChange={(event) => {
                const share = Number(event.currentTarget.value) / 100;
                if (Number.isFinite(share) && Math.abs(share) <= 1) setRate(String(share));
              }}
            />
          </label>
          <button type="submit" class="primary">
            Compare
          </button>
          {quoted && (
            <button type="button" onClick={() => use(null)}>
              The forecast alone
            </button>
          )}
        </div>
        <p id="quotes-fault" class="fault" role="alert">
          {fault}
        </p>
      </form>
    </details>
  );
}
