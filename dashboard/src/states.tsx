// What stands in the place of an answer that is not there, or is not fresh.
import type { ComponentChildren } from "preact";
import type { Problem } from "./service/answers";

export function Failed({ problem, retry, children }: { problem: Problem; retry?: () => void; children?: ComponentChildren }) {
  return (
    <div class="panel failed" role="alert">
      <h2>{problem.title}</h2>
      <p>{problem.detail}</p>
      {children}
      {retry && (
        <p>
          <button type="button" onClick={retry}>
            Try again
          </button>
        </p>
      )}
    </div>
  );
}

/** Above an answer that could not be brought up to date. */
export function NotRenewed({ problem, retry }: { problem: Problem; retry: () => void }) {
  return (
    <div class="notice warn" role="status">
      <p>
        <strong>Not up to date.</strong> {problem.title}: {problem.detail}
      </p>
      <button type="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

export function Notice({ kind = "info", children }: { kind?: "info" | "warn"; children: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role="note">
      <div>{children}</div>
    </div>
  );
}

export function Loading({ what, tall = false }: { what: string; tall?: boolean }) {
  return (
    <div class={tall ? "loading tall" : "loading"} role="status">
      <span class="visually-hidden">Loading {what}</span>
      <span class="shimmer" aria-hidden="true" />
      <span class="shimmer" aria-hidden="true" />
      <span class="shimmer" aria-hidden="true" />
    </div>
  );
}

export function Badge({ kind, children }: { kind: "model" | "plain" | "warn"; children: ComponentChildren }) {
  return <span class={`badge ${kind}`}>{children}</span>;
}
