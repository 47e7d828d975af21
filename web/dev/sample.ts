/** A made-up month of calls for `npm run dev:fixtures` and for the fixtures of the tests. Never part of the build. */
import type { CallEvent, CostLine, Segment, TokenCounts, ToolCall } from "../src/api/types";
import { sumMoney } from "../src/lib/decimal";

const PRICES: Record<
  string,
  [provider: string, inputPerMillion: number, outputPerMillion: number] | undefined
> = {
  "gpt-4o": ["openai", 2.5, 10],
  "gpt-4o-mini": ["openai", 0.15, 0.6],
  "claude-sonnet-4-5": ["anthropic", 3, 15],
  "claude-haiku-4-5": ["anthropic", 1, 5],
  "claude-opus-4-1": ["anthropic", 15, 75],
  "gemini-2.5-pro": ["google", 1.25, 10],
  "gemini-2.5-flash": ["google", 0.3, 2.5],
  "text-embedding-3-small": ["openai", 0.02, 0],
  "mistral-large-2411": ["mistral", 2, 6],
  "deepseek-chat": ["deepseek", 0.28, 0.42],
};

const APPS = [
  {
    app: "checkout-api",
    agent: "raw_sdk_openai",
    models: ["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"],
    features: ["search", "refund-reply", "address-check"],
    weight: 5,
  },
  {
    app: "support-bot",
    agent: "raw_sdk_anthropic",
    models: ["claude-sonnet-4-5", "claude-haiku-4-5", "in-house-7b"],
    features: ["triage", "draft-reply"],
    weight: 4,
  },
  {
    app: "code-review",
    agent: "claude_code",
    models: ["claude-opus-4-1", "claude-sonnet-4-5", "gemini-2.5-pro"],
    features: ["review", "fix"],
    weight: 2,
  },
  {
    app: "nightly-reports",
    agent: "langchain",
    models: ["gemini-2.5-flash", "mistral-large-2411", "deepseek-chat"],
    features: ["summary"],
    weight: 1,
  },
];
const FAILURES = [
  { type: "rate_limit", status: 429 },
  { type: "timeout", status: null },
  { type: "overloaded", status: 529 },
];
const REPOSITORY = { branch: "main", remote_slug: "acme/web", host: "github.com" };
const CUSTOMERS = ["acme", "globex", "initech", "umbrella", "hooli", null];
const TITLES = [
  [
    "Refund for a late parcel",
    "Asked how to answer a customer whose parcel came eight days late; a reply with a voucher was drafted and shortened twice.",
    "writing",
  ],
  [
    "Failing address check",
    "A postcode with a space was refused; the pattern was widened and a case was added to the tests.",
    "debugging",
  ],
  [
    "Weekly numbers for sales",
    "The week's orders were summed by region; one region was missing and was filled in from the export.",
    "analysis",
  ],
  [
    "Review of the retry change",
    "A change to retries was read; two races were named and one was fixed.",
    "code review",
  ],
  [
    "Search ranks old items first",
    "Old items ranked above new ones; recency was given a weight and the order was checked with five queries.",
    "debugging",
  ],
] as const;

export interface Sample {
  events: CallEvent[];
  segments: Map<string, Segment[]>;
  toolCalls: Map<string, ToolCall[]>;
}

/** The same seed and the same `now` give the same sample. */
export function makeSample(now: Date, sessionCount = 420, days = 62): Sample {
  const random = randomFrom(20260601);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const weighted = APPS.flatMap((entry) => Array.from({ length: entry.weight }, () => entry));
  const sample: Sample = { events: [], segments: new Map(), toolCalls: new Map() };
  for (let index = 0; index < sessionCount; index += 1) {
    const entry = pick(weighted);
    const sessionId = `sess_${(1e9 + index * 7919).toString(36)}`;
    // More of it lately: usage grows.
    const age = random() ** 1.35 * days * 86_400_000;
    const weekend = [0, 6].includes(new Date(now.getTime() - age).getDay());
    if (weekend && random() < 0.6) continue;
    const start = now.getTime() - age - 120_000;
    const events = makeCalls(entry, sessionId, start, now, { random, pick });
    sample.events.push(...events);
    const story = pick(TITLES);
    const last = events[events.length - 1];
    if (last === undefined || random() < 0.12) continue;
    const key = `${entry.app}/${sessionId}`;
    sample.segments.set(key, [
      makeSegment(events, story, sessionId, random() < 0.7 ? "llama" : "template"),
    ]);
    if (entry.app === "code-review")
      sample.toolCalls.set(
        key,
        events.map((event, call) => makeToolCall(event, call, random, pick)),
      );
  }
  sample.events.sort((left, right) => Date.parse(left.ts) - Date.parse(right.ts));
  return sample;
}

interface Chance {
  random(): number;
  pick<T>(items: readonly T[]): T;
}

function makeCalls(
  entry: (typeof APPS)[number],
  sessionId: string,
  start: number,
  now: Date,
  chance: Chance,
) {
  const metadata = { feature: chance.pick(entry.features), customer: chance.pick(CUSTOMERS) };
  const calls = 1 + Math.floor(chance.random() * 9);
  const events: CallEvent[] = [];
  let at = start;
  for (let index = 0; index < calls && at < now.getTime() - 5_000; index += 1) {
    events.push(makeCall(entry, sessionId, index, at, metadata, chance));
    at += 4_000 + chance.random() * 90_000;
  }
  return events;
}

function makeCall(
  entry: (typeof APPS)[number],
  sessionId: string,
  index: number,
  at: number,
  { feature, customer }: { feature: string; customer: string | null },
  { random, pick }: Chance,
): CallEvent {
  const model = pick(entry.models);
  const price = PRICES[model];
  const failed = random() < 0.035;
  const tokens = makeTokens(failed, model, random);
  const durationMs = Math.floor(300 + random() ** 3 * 14_000);
  return {
    app: entry.app,
    source_event_id: `evt_${sessionId.slice(5)}${index.toString(16).padStart(4, "0")}`,
    ts: new Date(at).toISOString(),
    received_at: new Date(at + 1_800).toISOString(),
    kind: "assistant_message",
    agent: entry.agent,
    provider: price?.[0] ?? "local",
    model,
    session_id: sessionId,
    tokens,
    usage_known: !failed,
    cost:
      price === undefined ? null : sumMoney(["0.0", ...costLines(model, tokens).map((line) => line.amount)]),
    reported_cost: null,
    price_id: price === undefined ? null : `${price[0]}/${model}`,
    price_book: price === undefined ? null : "2026-11-22",
    unpriced_reason: price === undefined ? "unknown_model" : null,
    duration_ms: durationMs,
    first_token_ms: failed ? null : Math.floor(durationMs * 0.25),
    started_at: new Date(at - durationMs).toISOString(),
    error: failed ? pick(FAILURES) : null,
    finish_reason: failed ? null : "stop",
    metadata: { feature, ...(customer === null ? {} : { customer }) },
    git: entry.app === "code-review" ? REPOSITORY : null,
    cwd: null,
    content_excerpt: null,
    redactions:
      random() < 0.3 ? { email: 1 + Math.floor(random() * 3) } : random() < 0.07 ? { api_key: 1 } : {},
    flags: [],
    turn_index: index + 1,
  };
}

function makeTokens(failed: boolean, model: string, random: () => number): TokenCounts {
  if (failed) return { input: 0, output: 0, cache_creation: 0, cache_read: 0, reasoning: 0 };
  const input = Math.floor(400 + random() ** 3 * 42_000);
  const output = Math.floor(40 + random() ** 2 * 1_800);
  return {
    input,
    output,
    cache_creation: 0,
    cache_read: random() < 0.5 ? 0 : Math.floor(input * random() * 2),
    reasoning: model.includes("pro") ? Math.floor(output / 2) : 0,
  };
}

/** What a call costs, class by class; nothing for a model without a price. */
export function costLines(model: string, tokens: TokenCounts): CostLine[] {
  const price = PRICES[model];
  if (price === undefined) return [];
  const [, input, output] = price;
  const rates = { input, cache_read: input / 10, output, reasoning: output };
  return (Object.keys(rates) as (keyof typeof rates)[])
    .filter((name) => tokens[name] > 0)
    .map((name) => ({
      class: name,
      quantity: tokens[name],
      rate_usd_per_million: rates[name].toFixed(6),
      amount: ((tokens[name] * rates[name]) / 1e6).toFixed(12),
    }));
}

function makeSegment(
  events: CallEvent[],
  story: (typeof TITLES)[number],
  sessionId: string,
  engine: string,
): Segment {
  const byModel = engine === "llama";
  return {
    segment_id: `seg_${sessionId.slice(5)}`,
    generation: "1",
    started_at: events[0]?.ts ?? "",
    ended_at: events[events.length - 1]?.ts ?? "",
    title: story[0],
    abstract: story[1],
    work_type: story[2],
    engine,
    engine_version: byModel ? "qwen3-0.6b-q4_k_m@9465e63a22ad/p1" : "1",
    model_sha256: byModel ? "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031" : null,
    prompt_version: byModel ? "1" : null,
    fallback_reason: byModel ? null : "llama.too_short",
    turns: events.length,
    source_event_ids: events.map((event) => event.source_event_id),
    tags: [],
  };
}

function makeToolCall(
  event: CallEvent,
  index: number,
  random: () => number,
  pick: <T>(items: readonly T[]) => T,
): ToolCall {
  const name = pick(["Bash", "Read", "Edit", "search_issues"]);
  return {
    external_call_id: `tc_${event.source_event_id.slice(4)}`,
    source_event_id: event.source_event_id,
    agent: event.agent,
    server: name === "search_issues" ? "mcp:github" : "builtin",
    name,
    call_index: index,
    started_at: event.ts,
    ended_at: new Date(Date.parse(event.ts) + Math.floor(random() * 4_000)).toISOString(),
    status: random() < 0.9 ? "success" : "error",
    args_hash: "5f2b0c9e",
    signature_hash: "a01c77d2",
    args_bytes: Math.floor(40 + random() * 900),
    result_bytes: Math.floor(random() * 24_000),
    model: event.model,
    command_families: name === "Bash" ? [pick(["git", "cargo", "npm"])] : [],
  };
}

/** A small generator of numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
