// The legs of a strategy, each of whose fields can be edited.
import { useRef } from "preact/hooks";
import { weekday } from "../format";
import type { FanSession, Leg, Strategy } from "../service/answers";
import { NumberField } from "./number_field";
import { CONTRACT, described } from "./legs";

interface Props {
  legs: Leg[];
  /** What the service said of them; its premiums stand where none was given. */
  answer: Strategy | null;
  faults: Map<string, string>;
  path: FanSession[];
  expiry: string;
  price: number;
  change: (legs: Leg[]) => void;
}

export function LegTable({ legs, answer, faults, path, expiry, price, change }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const put = (at: number, leg: Partial<Leg>) => change(legs.map((each, index) => (index === at ? { ...each, ...leg } : each)));
  const remove = (at: number) => {
    change(legs.filter((_, index) => index !== at));
    const rows = body.current?.querySelectorAll<HTMLElement>("tr .remove");
    rows?.[at === legs.length - 1 ? at - 1 : at + 1]?.focus();
  };
  const retype = (at: number, kind: Leg["kind"]) => {
    const { strike, expiry: until } = legs[at];
    put(
      at,
      kind === "stock"
        ? { kind, strike: null, expiry: null, premium: null }
        : { kind, strike: strike ?? Math.round(price), expiry: until ?? expiry, premium: null },
    );
  };
  const matches = answer?.legs.length === legs.length;
  return (
    <div class="legs-box">
      <table class="legs">
        <caption class="visually-hidden">Legs of the strategy</caption>
        <thead>
          <tr>
            <th scope="col">Side</th>
            <th scope="col">Kind</th>
            <th scope="col">Shares</th>
            <th scope="col">Strike</th>
            <th scope="col">Expiry</th>
            <th scope="col">Premium a share</th>
            <th scope="col">
              <span class="visually-hidden">Remove</span>
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {legs.map((leg, at) => {
            const of = `of leg ${at + 1}`;
            const fault = (field: string) => faults.get(`legs.${at}.${field}`);
            const priced = matches ? answer.legs[at] : null;
            const known = priced && priced.kind === leg.kind && priced.strike === leg.strike && priced.expiry === leg.expiry;
            return (
              <tr key={at} class={leg.side}>
                <td data-name="Side">
                  <select aria-label={`Side ${of}`} value={leg.side} onChange={(event) => put(at, { side: event.currentTarget.value as Leg["side"] })}>
                    <option value="buy">Buy</option>
                    <option value="sell">Sell</option>
                  </select>
                </td>
                <td data-name="Kind">
                  <select aria-label={`Kind ${of}`} value={leg.kind} onChange={(event) => retype(at, event.currentTarget.value as Leg["kind"])}>
                    <option value="call">Call</option>
                    <option value="put">Put</option>
                    <option value="stock">Stock</option>
                  </select>
                </td>
                <td data-name="Shares">
                  <NumberField id={`leg-${at}-quantity`} label={`Shares ${of}`} value={leg.quantity} fault={fault("quantity")} set={(value) => put(at, { quantity: value ?? CONTRACT })} />
                </td>
                <td data-name="Strike">
                  {leg.kind === "stock" ? (
                    <span class="muted none">–</span>
                  ) : (
                    <NumberField id={`leg-${at}-strike`} label={`Strike ${of}`} value={leg.strike} fault={fault("strike")} set={(value) => put(at, { strike: value })} />
                  )}
                </td>
                <td data-name="Expiry">
                  {leg.kind === "stock" ? (
                    <span class="muted none">–</span>
                  ) : (
                    <>
                      <input
                        type="date"
                        aria-label={`Expiry ${of}`}
                        value={leg.expiry ?? ""}
                        list="fridays"
                        required
                        aria-invalid={Boolean(fault("expiry"))}
                        aria-describedby={fault("expiry") ? `leg-${at}-expiry-fault` : undefined}
                        onChange={(event) => event.currentTarget.value && put(at, { expiry: event.currentTarget.value })}
                      />
                      {fault("expiry") && (
                        <p id={`leg-${at}-expiry-fault`} class="fault" role="alert">
                          {fault("expiry")}
                        </p>
                      )}
                    </>
                  )}
                </td>
                <td data-name="Premium a share">
                  <NumberField
                    id={`leg-${at}-premium`}
                    label={`Premium a share ${of}`}
                    value={leg.premium}
                    placeholder={known && priced.premium !== null ? priced.premium.toFixed(2) : ""}
                    optional
                    fault={fault("premium")}
                    set={(premium) => put(at, { premium })}
                  />
                  <small class="source">{leg.premium !== null ? "yours" : leg.kind === "stock" ? "price now" : "fair value"}</small>
                </td>
                <td>
                  <button type="button" class="remove" aria-label={`Remove leg ${at + 1}: ${described(leg)}`} onClick={() => remove(at)}>
                    <span aria-hidden="true">×</span>
                    <span class="word" aria-hidden="true">
                      Remove
                    </span>
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <datalist id="fridays">
        {path.filter((session) => weekday(session.expiry) === 5).map((session) => (
          <option key={session.expiry} value={session.expiry} />
        ))}
      </datalist>
    </div>
  );
}
