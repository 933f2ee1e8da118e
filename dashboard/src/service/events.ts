// The stream of events: one for the whole page, opened anew when it ends.
import type { Job } from "./answers";
import { address, headers } from "./ask";
import { given, refused, secret } from "./credentials";
import { Store } from "./store";

export type Connection = "connecting" | "live" | "offline";

export type Event =
  | { kind: "changed"; symbols: Set<string> }
  | { kind: "job"; job: Job }
  | { kind: "anew" }; // events may have been missed: read everything again

export const connection = new Store<Connection>("connecting");

const listeners = new Set<(event: Event) => void>();
const SILENT_MS = 45_000; // the service sends something every 15 s
const LONGEST_WAIT_MS = 30_000;

export function listen(listener: (event: Event) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(event: Event): void {
  for (const listener of [...listeners]) listener(event);
}

/** Follow the stream for as long as the page is open. */
export async function follow(): Promise<never> {
  let before = false;
  let wait = 1_000;
  for (;;) {
    await seen(); // a browser has few connections to one service: a page that nobody looks at holds none
    try {
      await stream(() => {
        if (before) tell({ kind: "anew" });
        before = true;
        wait = 1_000;
      });
    } catch {
      // whatever ended it, it is opened anew
    }
    before = true; // what the page has read by now may be old when it opens
    if (document.hidden) continue;
    connection.set("offline");
    await pause(wait * (0.75 + 0.5 * Math.random())); // pages must not all come back at one time
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }
}

async function stream(opened: () => void): Promise<void> {
  const control = new AbortController();
  let silence = setTimeout(() => control.abort(), SILENT_MS);
  const hide = () => document.hidden && control.abort();
  document.addEventListener("visibilitychange", hide);
  try {
    const key = secret("key");
    const response = await fetch(address("events"), {
      cache: "no-store",
      headers: { ...headers(), Accept: "text/event-stream" },
      signal: control.signal,
    });
    if (response.status === 401) refused("key", key);
    if (!response.ok || !response.body) return;
    connection.set("live");
    opened();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => control.abort(), SILENT_MS);
      const parts = (text + value).split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) read(part);
    }
  } finally {
    clearTimeout(silence);
    document.removeEventListener("visibilitychange", hide);
    control.abort(); // whatever ended it, its connection is not kept
  }
}

function read(part: string): void {
  const fields = new Map(
    part.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()] as const;
    }),
  );
  const data = JSON.parse(fields.get("data") ?? "null");
  if (fields.get("event") === "changed") tell({ kind: "changed", symbols: new Set(data.symbols) });
  if (fields.get("event") === "job") tell({ kind: "job", job: data });
}

/** Wait until the page is looked at. */
function seen(): Promise<void> {
  return new Promise((resolve) => {
    if (!document.hidden) return resolve();
    const end = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", end);
      resolve();
    };
    document.addEventListener("visibilitychange", end);
  });
}

/** Wait so long, or until a key is given or the network is back. */
function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      unfollow();
      removeEventListener("online", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const unfollow = given.follow(end);
    addEventListener("online", end);
  });
}
