// The last closes as a line without axes. The numbers beside it say what it shows.
import { memo } from "./memo";

const WIDTH = 120;
const HEIGHT = 32;
const PAD = 3;

export const Sparkline = memo(function Sparkline({ closes }: { closes: (number | null)[] }) {
  const points = linePoints(closes);
  if (!points.length) return null;
  const [x, y] = points[points.length - 1];
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={`M${points.map((point) => point.join(" ")).join("L")}`} />
      <circle cx={x} cy={y} r="2.5" />
    </svg>
  );
});

function linePoints(closes: (number | null)[]): [number, number][] {
  const known = closes.filter((close): close is number => close !== null);
  if (known.length < 2) return [];
  const low = Math.min(...known);
  const range = Math.max(...known) - low || 1;
  const step = (WIDTH - 2 * PAD) / (closes.length - 1);
  return closes.flatMap((close, index): [number, number][] =>
    close === null
      ? []
      : [[round(PAD + index * step), round(HEIGHT - PAD - ((close - low) / range) * (HEIGHT - 2 * PAD))]],
  );
}

const round = (value: number) => Math.round(10 * value) / 10;
