// An answer to a question that is too long for an address, asked again when the question changes.
import { useCallback, useEffect, useState } from "preact/hooks";
import { ServiceError, give } from "./ask";
import { given } from "./credentials";
import { type Resource, unforeseen } from "./resource";
import { useStore } from "./store";

const SETTLE_MS = 120; // of a question that is being written

/**
 * POST a question as JSON, and again when it, `version` or the key changes; null asks nothing.
 *
 * The last answer stays while a newer one is on its way, and where that is refused.
 */
export function useQuestion<T>(path: string, question: object | null, version: string): Resource<T> {
  const [state, setState] = useState<{ path: string; data: T | null; problem: Resource<T>["problem"]; loading: boolean }>({
    path,
    data: null,
    problem: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const key = useStore(given);
  const body = question && JSON.stringify(question);
  useEffect(() => {
    if (body === null) {
      setState({ path, data: null, problem: null, loading: false });
      return;
    }
    const control = new AbortController();
    const timer = setTimeout(() => {
      setState((before) => ({ path, data: before.path === path ? before.data : null, problem: before.problem, loading: true }));
      give<T>(path, body, "application/json", control.signal).then(
        (data) => setState({ path, data, problem: null, loading: false }),
        (error: unknown) => {
          if (control.signal.aborted) return;
          const problem = error instanceof ServiceError ? error.problem : unforeseen(error);
          setState((before) => ({ ...before, problem, loading: false }));
        },
      );
    }, SETTLE_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [path, body, version, turn, key]);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { data: state.data, problem: state.problem, loading: state.loading, reload };
}
