// Numbers and days in words. A dash stands for what is not known.
const NONE = "–";

const RAISED: Record<string, string> = Object.fromEntries([..."-0123456789"].map((sign, index) => [sign, [..."⁻⁰¹²³⁴⁵⁶⁷⁸⁹"][index]]));

const dollars2 = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const dollars4 = new Intl.NumberFormat("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const plain = new Intl.NumberFormat("en-US");
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const dayAndWeekday = new Intl.DateTimeFormat("en-GB", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

type Maybe<T> = T | null | undefined;

export function dollars(value: Maybe<number>): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  return (value && Math.abs(value) < 1 ? dollars4 : dollars2).format(value);
}

/** Dollars with two decimals, as options are quoted. */
export function cents(value: number): string {
  return dollars2.format(value);
}

/** A sum of dollars: cents where it is small, none where they say nothing. */
export function money(value: Maybe<number>): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  const text = size < 1_000 && size !== Math.round(size) ? dollars2.format(size) : plain.format(Math.round(size));
  return `${value < 0 && Number.parseFloat(text) !== 0 ? "−" : ""}$${text}`;
}

/** As `money`, with a sign. */
export function signedMoney(value: Maybe<number>): string {
  const text = money(value);
  return value != null && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

export function count(value: Maybe<number>): string {
  return value == null ? NONE : plain.format(value);
}

export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${plain.format(value)} ${value === 1 ? noun : plural}`;
}

/** 0.062 is "6.2 %". */
export function percent(share: Maybe<number>, digits = 1): string {
  return share == null || !Number.isFinite(share) ? NONE : `${(100 * share).toFixed(digits)} %`;
}

/** As `percent`, with a sign. */
export function signedPercent(share: Maybe<number>, digits = 1): string {
  if (share == null || !Number.isFinite(share)) return NONE;
  const text = percent(Math.abs(share), digits);
  if (Number.parseFloat(text) === 0) return text;
  return `${share < 0 ? "−" : "+"}${text}`;
}

export function decimal(value: Maybe<number>, digits = 3): string {
  return value == null || !Number.isFinite(value) ? NONE : value.toFixed(digits).replace("-", "−");
}

export function scientific(value: Maybe<number>): string {
  if (value == null || !Number.isFinite(value)) return NONE;
  const [digits, power] = value.toExponential(2).split("e");
  return `${digits} × 10${[...power.replace("+", "")].map((sign) => RAISED[sign]).join("")}`;
}

/** 0.0042 is "4.2 ms". */
export function duration(seconds: Maybe<number>): string {
  if (seconds == null) return NONE;
  if (seconds < 1) return `${(1000 * seconds).toFixed(seconds < 0.001 ? 3 : 1)} ms`;
  return seconds < 120 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(1)} min`;
}

export function bytes(value: number): string {
  return value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(0)} MB`;
}

const date = (iso: string) => new Date(`${iso}T00:00:00Z`);

export function shortDay(iso: Maybe<string>): string {
  return iso ? day.format(date(iso)) : NONE;
}

export function longDay(iso: Maybe<string>): string {
  return iso ? dayAndWeekday.format(date(iso)) : NONE;
}

export function weekday(iso: string): number {
  return date(iso).getUTCDay();
}

export function time(iso: Maybe<string>): string {
  return iso ? moment.format(new Date(iso)) : NONE;
}
