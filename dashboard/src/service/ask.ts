// Requests to the service that the page came from.
import type { Problem } from "./answers";
import { refused, secret } from "./credentials";

/** The service's problem document, or what stands for one where no answer came. */
export class ServiceError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

export function address(path: string): string {
  return new URL(path, document.baseURI).href;
}

export function headers(): Record<string, string> {
  const key = secret("key");
  return key ? { "X-API-Key": key } : {};
}

export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const key = secret("key");
  return answerOf<T>(await send(path, { headers: headers(), signal }), () => refused("key", key));
}

/** POST a body that asks something. */
export async function give<T>(path: string, body: string, type: string, signal: AbortSignal): Promise<T> {
  const key = secret("key");
  const response = await send(path, { method: "POST", headers: { ...headers(), "Content-Type": type }, body, signal });
  return answerOf<T>(response, () => refused("key", key));
}

/** POST to a route of /admin, which asks for the admin token. */
export async function order<T>(path: string): Promise<T> {
  const token = secret("token");
  const response = await send(path, {
    method: "POST",
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
  return answerOf<T>(response, () => refused("token", token));
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address(path), { cache: "no-store", credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ServiceError({
      type: "about:blank",
      title: "The service does not answer",
      status: 0,
      detail: "No connection to the service. It may be starting again, or the network is down.",
    });
  }
}

async function answerOf<T>(response: Response, onRefusal: () => void): Promise<T> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body as T;
  if (response.status === 401) onRefusal();
  const problem = (body ?? {}) as Partial<Problem>;
  throw new ServiceError({
    type: problem.type ?? "about:blank",
    title: problem.title ?? "The service answered with an error",
    status: response.status,
    detail: problem.detail ?? `The answer has status ${response.status}.`,
    suggestions: problem.suggestions,
    errors: problem.errors,
  });
}
