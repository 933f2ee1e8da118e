// What a strategy may earn, in figures.
import type { ComponentChildren } from "preact";
import { dollars, money, percent, signedMoney } from "../format";
import { Pair } from "../pair";
import type { Strategy } from "../service/answers";

export function Outcome({ answer }: { answer: Strategy }) {
  return (
    <dl class="tiles outcome">
      <Tile name="Probability of profit">{percent(answer.probability_of_profit)}</Tile>
      <Tile name="Expected profit">
        <Sum value={answer.expected_profit} />
      </Tile>
      <Tile name={answer.cost > 0 ? "Received now" : "Paid now"}>{money(Math.abs(answer.cost))}</Tile>
      <Tile name="Most that can be won">{answer.maximum_gain === null ? "no bound" : <Sum value={answer.maximum_gain} />}</Tile>
      <Tile name="Most that can be lost">{answer.maximum_loss === null ? "no bound" : <Sum value={answer.maximum_loss} />}</Tile>
      <Tile name="Mean of the worst 5 %">
        <Sum value={answer.expected_shortfall} />
      </Tile>
      <Tile name={answer.break_evens.length === 1 ? "Break-even" : "Break-evens"}>{answer.break_evens.map(dollars).join(", ") || "none"}</Tile>
    </dl>
  );
}

export function ProfitQuantiles({ answer }: { answer: Strategy }) {
  return (
    <div class="below-which">
      <h3>The profit lies below, with probability</h3>
      <dl class="quantiles">
        {answer.quantiles.map(({ probability, profit }) => (
          <div key={probability}>
            <dt>{percent(probability, 0)}</dt>
            <dd>
              <Sum value={profit} />
            </dd>
          </div>
        ))}
      </dl>
      <dl class="pairs means">
        <Pair name="Mean profit where there is one">
          <Sum value={answer.expected_profit_if_profitable} />
        </Pair>
        <Pair name="Mean loss otherwise">
          <Sum value={answer.expected_loss_if_unprofitable} />
        </Pair>
      </dl>
    </div>
  );
}

function Tile({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Sum({ value }: { value: number }) {
  return <span class={value > 0 ? "up" : value < 0 ? "down" : undefined}>{signedMoney(value)}</span>;
}
