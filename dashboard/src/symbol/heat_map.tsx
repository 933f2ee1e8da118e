// A chain of options as a heat map over strikes and expiries.
import { useMemo, useRef, useState } from "preact/hooks";
import { counted, dollars, shortDay } from "../format";
import type { Chain, ChainExpiry, FanSession } from "../service/answers";

export interface Measure {
  name: string;
  title: string;
  values: (expiry: ChainExpiry) => (number | null)[] | null;
  /** From which value to which the colours go. */
  span: [number, number];
  show: (value: number) => string;
}

interface Props {
  chain: Chain;
  measure: Measure;
  session: FanSession;
  /** What Enter does to a cell, in words. */
  does: string;
  pressed: (strike: number, expiry: string) => boolean;
  pick: (strike: number, expiry: string) => void;
}

export function HeatMap({ chain, measure, session, does, pressed, pick }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const strikes = useMemo(() => [...new Set(chain.expiries.flatMap((expiry) => expiry.strikes))].sort((one, other) => other - one), [chain]);
  const columns = chain.expiries.map((expiry) => {
    const values = measure.values(expiry);
    return { expiry, at: new Map(expiry.strikes.map((level, index) => [level, values?.[index] ?? null])) };
  });
  const largest = Math.max(...columns.flatMap(({ at }) => [...at.values()].map((value) => Math.abs(value ?? 0))), 1e-9);
  const span = measure.span[1] || largest;
  const nearest = strikes.reduce((best, level) => (Math.abs(level - chain.price) < Math.abs(best - chain.price) ? level : best), strikes[0]);
  const chosenColumn = columns.findIndex(({ expiry }) => expiry.expiry === session.expiry);
  const [focus, setFocus] = useState<[number, number]>([strikes.indexOf(nearest), 0]);
  const row = Math.min(focus[0], strikes.length - 1);
  const column = Math.min(focus[1], columns.length - 1);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      PageUp: [-10, 0],
      PageDown: [10, 0],
      Home: [0, -columns.length],
      End: [0, columns.length],
    }[event.key];
    if (!step) return;
    event.preventDefault();
    const next: [number, number] = [
      Math.max(0, Math.min(strikes.length - 1, row + step[0])),
      Math.max(0, Math.min(columns.length - 1, column + step[1])),
    ];
    setFocus(next);
    body.current?.querySelectorAll("tr")[next[0]]?.querySelectorAll("button")[next[1]]?.focus();
  };
  return (
    <div class="chain-box">
      <table class="chain">
        <caption class="visually-hidden">
          {measure.title} by strike and expiry. Arrow keys move; {does}.
        </caption>
        <thead>
          <tr>
            <th scope="col">Strike</th>
            {columns.map(({ expiry }, index) => (
              <th key={expiry.expiry} scope="col" class={index === chosenColumn ? "chosen" : undefined}>
                {shortDay(expiry.expiry).replace(/ \d{4}$/, "")}
                <small>{counted(expiry.sessions, "session")}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {strikes.map((level, down) => (
            <tr key={level} class={level === nearest ? "at-the-money" : undefined}>
              <th scope="row">{dollars(level)}</th>
              {columns.map(({ expiry, at }, across) => {
                const value = at.get(level);
                const shown = value == null ? "–" : measure.show(value);
                return (
                  <td key={expiry.expiry} class={value == null ? undefined : shade(value, span)}>
                    <button
                      type="button"
                      tabIndex={down === row && across === column ? 0 : -1}
                      aria-pressed={pressed(level, expiry.expiry)}
                      aria-label={`${shown}, strike ${dollars(level)}, ${shortDay(expiry.expiry)}`}
                      onFocus={() => setFocus([down, across])}
                      onClick={() => pick(level, expiry.expiry)}
                    >
                      {shown}
                    </button>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shade(value: number, span: number): string {
  const step = Math.min(9, Math.floor((10 * Math.abs(value)) / span));
  return `${value < 0 ? "minus" : "plus"}-${step}`;
}
