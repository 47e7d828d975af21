/** Renders the whole dashboard over the fixtures, the network replaced and nothing else. */
import { createMemoryHistory } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { vi } from "vitest";
import { App } from "../App";
import { KeyStore } from "../lib/key";
import "./setup";

/** The moment at which the fixtures were made. */
export const FIXTURE_NOW = new Date("2026-06-17T15:20:00Z");

const fixtures = import.meta.glob<unknown>("../fixtures/*.json", { eager: true, import: "default" });

export function fixture<T>(name: string): T {
  const found = fixtures[`../fixtures/${name}.json`];
  if (found === undefined) throw new Error(`no fixture ${name}`);
  return structuredClone(found) as T;
}

export interface Asked {
  method: string;
  path: string;
  parameters: URLSearchParams;
  body: Record<string, unknown> | null;
  authorization: string | null;
}

export interface Reply {
  status: number;
  body: unknown;
}

/** Answers a question otherwise than the fixtures do; undefined leaves it to them. */
export type Override = (asked: Asked) => Reply | undefined;

/** Opens the dashboard at `url` with a key; returns every request that it makes. */
export function openDashboard(
  url: string,
  override: Override = () => undefined,
  key: string | null = "msr_sample",
) {
  const asked: Asked[] = [];
  vi.useFakeTimers({ toFake: ["Date"], now: FIXTURE_NOW });
  vi.stubGlobal("fetch", async (target: string, init: RequestInit) => {
    const address = new URL(target, "http://localhost");
    const request: Asked = {
      method: init.method ?? "GET",
      path: address.pathname,
      parameters: address.searchParams,
      body: typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : null,
      authorization: new Headers(init.headers).get("Authorization"),
    };
    asked.push(request);
    const reply = override(request) ?? { status: 200, body: fixture(nameOf(request)) };
    return new Response(JSON.stringify(reply.body), { status: reply.status });
  });
  const storage = new Map<string, string>(key === null ? [] : [["modelstat.key", key]]);
  const keys = new KeyStore({
    location: { hash: "", pathname: "/", search: "" },
    history: { state: null, replaceState: () => {} },
    storage: {
      getItem: (name) => storage.get(name) ?? null,
      setItem: (name, value) => void storage.set(name, value),
      removeItem: (name) => void storage.delete(name),
    },
  });
  const history = createMemoryHistory({ initialEntries: [url] });
  return { ...render(<App keys={keys} history={history} />), asked, history, keys, storage };
}

/** The fixture that answers a request. */
function nameOf({ path, body }: Asked): string {
  const [, , kind = "", id] = path.split("/");
  if (kind !== "query")
    return kind === "sessions" && id !== undefined ? "session" : kind === "events" ? "event" : kind;
  const [dimension] = (body?.dimensions ?? []) as string[];
  if (dimension === undefined) return "query-totals";
  return `query-${body?.bucket === undefined ? "top" : "series"}-${dimension}`;
}
