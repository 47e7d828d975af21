/** The one door to the server: same origin, the read key in the header, a time limit on every request. */

/** Longest wait for one answer; a dashboard that waits longer should say so instead. */
const REQUEST_TIMEOUT_MS = 20_000;

/** An answer that is not a success, or no answer at all (status 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds the server asks us to wait, where it says so. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether another key would help: this one is unknown, expired or has the wrong scope. */
  get isAboutKey(): boolean {
    return this.status === 401 || this.status === 403;
  }

  /** Whether the same request may succeed in a moment. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface Client {
  get<T>(path: string, parameters: Record<string, string | undefined>, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T>;
}

/** A client that sends `key` with every request. */
export function createClient(key: string, send: typeof fetch = (...call) => fetch(...call)): Client {
  async function request<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
    const limit = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const headers = { ...init.headers, Authorization: `Bearer ${key}`, Accept: "application/json" };
    let response: Response;
    try {
      response = await send(path, {
        ...init,
        headers,
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      const message = limit.aborted
        ? `The server did not answer within ${REQUEST_TIMEOUT_MS / 1000} s.`
        : "The server cannot be reached. Is `modelstat up` still running?";
      throw new ApiError(0, "unreachable", message);
    }
    if (!response.ok) throw await errorOf(response);
    return (await response.json()) as T;
  }

  return {
    get: (path, parameters, signal) => request(withParameters(path, parameters), { method: "GET" }, signal),
    post: (path, body, signal) =>
      request(
        path,
        { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } },
        signal,
      ),
  };
}

function withParameters(path: string, parameters: Record<string, string | undefined>): string {
  const present = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return present.length === 0 ? path : `${path}?${new URLSearchParams(present)}`;
}

async function errorOf(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get("Retry-After"));
  const body: unknown = await response.json().catch(() => null);
  const { error, message } = (typeof body === "object" && body !== null ? body : {}) as {
    error?: unknown;
    message?: unknown;
  };
  return new ApiError(
    response.status,
    typeof error === "string" ? error : `http_${response.status}`,
    typeof message === "string" ? message : `The server answered with status ${response.status}.`,
    Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  );
}
