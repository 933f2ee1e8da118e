// The choice of the session ahead that the page looks at.
import { counted, longDay, weekday } from "../format";
import type { FanSession } from "../service/answers";

const NEAR = [
  { sessions: 1, text: "Next session" },
  { sessions: 5, text: "Week" },
  { sessions: 21, text: "Month" },
  { sessions: 63, text: "Quarter" },
];

export function ExpiryChoice({ path, at, choose }: { path: FanSession[]; at: number; choose: (index: number) => void }) {
  const session = path[at];
  if (!session) return null;
  const fridays = path.flatMap((each, index) => (weekday(each.expiry) === 5 || index === at ? [{ ...each, index }] : []));
  const label = `${longDay(session.expiry)}, ${counted(session.sessions, "session")} ahead`;
  if (path.length === 1) {
    return (
      <div class="expiry-choice">
        <p class="chosen">
          <span>Expiry</span>
          <strong>{label}</strong>
        </p>
        <p class="muted">Without a model of its own, momentum forecasts the next session only.</p>
      </div>
    );
  }
  return (
    <div class="expiry-choice">
      <label class="chosen">
        <span>Expiry</span>
        <input
          type="range"
          min={0}
          max={path.length - 1}
          value={at}
          aria-valuetext={label}
          onInput={(event) => choose(Number(event.currentTarget.value))}
        />
      </label>
      <strong class="label">{label}</strong>
      <div class="near">
        {NEAR.filter(({ sessions }) => sessions <= path.length).map(({ sessions, text }) => (
          <button key={sessions} type="button" aria-pressed={session.sessions === sessions} onClick={() => choose(sessions - 1)}>
            {text}
          </button>
        ))}
        <select aria-label="Expiry on a Friday" value={at} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {fridays.map((each) => (
            <option key={each.expiry} value={each.index}>
              {longDay(each.expiry)}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
