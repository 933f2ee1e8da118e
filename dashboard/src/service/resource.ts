// An answer of the service that a component shows, kept current.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "./answers";
import { ServiceError, ask } from "./ask";
import { given } from "./credentials";
import { type Event, listen } from "./events";
import { useStore } from "./store";

export interface Resource<T> {
  /** The last answer, also while a newer one is on its way or has failed. */
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  reload: () => void;
}

const GATHER_MS = 200; // one evening's prices change many symbols, in several events

/**
 * Ask for a path, and again when the path, the key or, by an event, the answer changes.
 *
 * An event does not end a request that is on its way: while models are trained again, events come faster than a slow
 * answer, and none would ever be shown. The answer is shown, and then asked for once more.
 *
 * `of` says what the answer is of: an answer of something else is never shown in its place. Without a path nothing is
 * asked for.
 */
export function useResource<T>(path: string | null, of: string, concerns: (event: Event) => boolean): Resource<T> {
  const [state, setState] = useState<{ of: string; data: T | null; problem: Problem | null; loading: boolean }>({
    of,
    data: null,
    problem: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const key = useStore(given);
  const concerned = useRef(concerns);
  concerned.current = concerns;
  const asking = useRef(false);
  const outdated = useRef(false); // by an event since the request that is on its way was sent

  useEffect(() => {
    if (path === null) return;
    const control = new AbortController();
    asking.current = true;
    outdated.current = false;
    setState((before) =>
      before.of === of ? { ...before, loading: true } : { of, data: null, problem: null, loading: true },
    );
    ask<T>(path, control.signal)
      .then(
        (data) => setState({ of, data, problem: null, loading: false }),
        (error: unknown) => {
          if (control.signal.aborted) return;
          const problem = error instanceof ServiceError ? error.problem : unforeseen(error);
          setState((before) => ({ of, data: before.of === of ? before.data : null, problem, loading: false }));
        },
      )
      .then(() => {
        if (control.signal.aborted) return; // another request is on its way
        asking.current = false;
        if (outdated.current) setTurn((before) => before + 1);
      });
    return () => {
      control.abort();
      asking.current = false;
    };
  }, [path, of, turn, key]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = listen((event) => {
      if (!concerned.current(event)) return;
      outdated.current = true;
      if (event.kind === "anew") asking.current = false; // the request may be as dead as the stream was
      timer ??= setTimeout(() => {
        timer = undefined;
        if (outdated.current && !asking.current) setTurn((before) => before + 1);
      }, GATHER_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  if (state.of !== of) return { data: null, problem: null, loading: true, reload };
  return { data: state.data, problem: state.problem, loading: state.loading, reload };
}

export function unforeseen(error: unknown): Problem {
  return { type: "about:blank", title: "The answer cannot be read", status: 0, detail: String(error) };
}
