// Well-known strategies to start from, each with the shape of what it pays.
import type { Leg, Templates } from "../service/answers";
import { firstExpiry } from "./legs";

type Template = Templates["templates"][number];

const WIDTH = 64;
const HEIGHT = 34;
const POINTS = 48;

export function TemplateCards({ templates, take }: { templates: Template[]; take: (template: Template) => void }) {
  return (
    <ul class="templates">
      {templates.map((template) => (
        <li key={template.name}>
          <button type="button" onClick={() => take(template)}>
            <Shape legs={template.legs} />
            <span>
              <strong>{titled(template.name)}</strong>
              <small>{template.says}</small>
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** `iron-condor` is "Iron condor". */
export function titled(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");
}

/** What the legs pay over the price: a picture without numbers. */
function Shape({ legs }: { legs: Template["legs"] }) {
  const strikes = legs.flatMap((leg) => (leg.strike === null ? [] : [leg.strike]));
  const [low, high] = [Math.min(...strikes), Math.max(...strikes)];
  const room = Math.max(0.7 * (high - low), 0.06 * high);
  const at = (index: number) => low - room + ((high - low + 2 * room) * index) / (POINTS - 1);
  const first = firstExpiry(legs);
  const pays = Array.from({ length: POINTS }, (_, index) => legs.reduce((sum, leg) => sum + worth(leg, at(index), room, first), 0));
  const [least, most] = [Math.min(...pays), Math.max(...pays)];
  const y = (value: number) => 4 + ((most - value) / (most - least || 1)) * (HEIGHT - 8);
  const line = pays.map((value, index) => `${((index / (POINTS - 1)) * WIDTH).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
  return (
    <svg class="shape" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <line x1="0" x2={WIDTH} y1={HEIGHT / 2} y2={HEIGHT / 2} />
      <path d={`M${line}`} />
    </svg>
  );
}

function worth({ kind, side, strike, expiry }: Omit<Leg, "premium">, price: number, room: number, first: string | null): number {
  const sign = side === "buy" ? 1 : -1;
  if (kind === "stock" || strike === null) return sign * price;
  const pays = Math.max(kind === "call" ? price - strike : strike - price, 0);
  const goesOn = expiry !== first ? 0.5 * room * Math.exp(-(((price - strike) / (0.6 * room)) ** 2)) : 0;
  return sign * (pays + goesOn);
}
