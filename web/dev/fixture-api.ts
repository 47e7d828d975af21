/** The query API over the sample, for `npm run dev:fixtures`: answers as the server does, holds nothing. */
import type {
  CallEvent,
  Cell,
  Device,
  DeviceList,
  Dimensions,
  EventDetail,
  Filter,
  Me,
  Measure,
  Privacy,
  QueryAnswer,
  QueryRequest,
  ReceiptDevice,
  ReportedCounters,
  SessionDetail,
  SessionPage,
  SessionSummary,
} from "../src/api/types";
import { sumMoney } from "../src/lib/decimal";
import { bucketEdges } from "../src/lib/time";
import { costLines, type Sample } from "./sample";

export function me(sample: Sample): Me {
  return {
    org: { id: "org_sample", name: "default" },
    scopes: ["read"],
    expires_at: null,
    server_version: "0.2.0",
    first_event_at: sample.events[0]?.ts ?? null,
    last_event_at: sample.events[sample.events.length - 1]?.ts ?? null,
    daemon_url: "http://127.0.0.1:4319/v1/ingest",
  };
}

export function dimensions(): Dimensions {
  return {
    dimensions: ["provider", "model", "app", "agent", "session", "kind"],
    metadata_keys: ["customer", "feature"],
  };
}

export function query(sample: Sample, request: QueryRequest): QueryAnswer {
  const [from, to] = [new Date(request.from), new Date(request.to)];
  const inRange = (start: Date, end: Date) =>
    sample.events.filter(
      (event) =>
        Date.parse(event.ts) >= start.getTime() &&
        Date.parse(event.ts) < end.getTime() &&
        request.filters.every((filter) => matches(event, filter)),
    );
  const totalsOf = (members: CallEvent[]) =>
    Object.fromEntries(request.measures.map((name) => [name, measure(members, name)]));
  const events = inRange(from, to);
  const before = new Date(from.getTime() - (to.getTime() - from.getTime()));
  const previous = {
    from: before.toISOString(),
    to: from.toISOString(),
    totals: totalsOf(inRange(before, from)),
  };
  return {
    columns: [
      ...(request.bucket === undefined ? [] : [{ name: "bucket", kind: "bucket" as const }]),
      ...request.dimensions.map((name) => ({ name, kind: "dimension" as const })),
      ...request.measures.map((name) => ({ name, kind: "measure" as const })),
    ],
    ...rowsOf(events, request),
    totals: totalsOf(events),
    ...(request.compare === undefined ? {} : { previous }),
    coverage: {
      unpriced_calls: Number(measure(events, "unpriced_calls")),
      unknown_usage_calls: Number(measure(events, "unknown_usage_calls")),
      flagged_time: 0,
    },
  };
}

/** The rows by bucket and rank; groups beyond the limit go to `other`. */
function rowsOf(events: CallEvent[], request: QueryRequest): Pick<QueryAnswer, "rows" | "other"> {
  const keyOf = (event: CallEvent) =>
    JSON.stringify(request.dimensions.map((dimension) => groupOf(event, dimension)));
  const order = request.order_by ?? request.measures[0] ?? "calls";
  const groups = [...groupBy(events, keyOf)].sort(
    (left, right) => Number(measure(right[1], order) ?? -1) - Number(measure(left[1], order) ?? -1),
  );
  const kept = new Set(groups.slice(0, request.limit ?? groups.length).map(([key]) => key));
  const measured = (members: CallEvent[]) => request.measures.map((name) => measure(members, name));
  const rows: Cell[][] = [];
  const other: Cell[][] = [];
  for (const [edge, inBucket] of bucketsOf(events, request)) {
    const lead: Cell[] = edge === null ? [] : [edge.toISOString()];
    const byKey = groupBy(inBucket, keyOf);
    for (const [key] of groups) {
      const members = byKey.get(key);
      if (members === undefined || !kept.has(key)) continue;
      rows.push([...lead, ...(JSON.parse(key) as Cell[]), ...measured(members)]);
    }
    const rest = inBucket.filter((event) => !kept.has(keyOf(event)));
    if (rest.length > 0) other.push([...lead, ...request.dimensions.map(() => null), ...measured(rest)]);
  }
  return { rows, other };
}

function bucketsOf(events: CallEvent[], { bucket, from, to }: QueryRequest): [Date | null, CallEvent[]][] {
  if (bucket === undefined) return [[null, events]];
  const edges = bucketEdges({ from: new Date(from), to: new Date(to), bucket });
  const indexOf = (event: CallEvent) =>
    Math.max(
      0,
      edges.findLastIndex((edge) => edge.getTime() <= Date.parse(event.ts)),
    );
  const byIndex = groupBy(events, indexOf);
  return edges.map((edge, index) => [edge, byIndex.get(index) ?? []]);
}

export function sessions(sample: Sample, parameters: URLSearchParams): SessionPage {
  const limit = Number(parameters.get("limit") ?? 50);
  const offset = Number(parameters.get("cursor") ?? 0);
  const [from, to, q, app] = [
    Date.parse(parameters.get("from") ?? ""),
    Date.parse(parameters.get("to") ?? ""),
    parameters.get("q")?.toLowerCase(),
    parameters.get("app"),
  ];
  const all = allSessions(sample)
    .filter(
      (session) =>
        Date.parse(session.last_at) >= from &&
        Date.parse(session.last_at) < to &&
        (app === null || session.app === app),
    )
    .filter(
      (session) =>
        q === undefined ||
        `${session.title} ${session.abstract} ${session.session_id}`.toLowerCase().includes(q),
    )
    .sort((left, right) => Date.parse(right.last_at) - Date.parse(left.last_at));
  return {
    sessions: all.slice(offset, offset + limit),
    next_cursor: offset + limit < all.length ? String(offset + limit) : null,
  };
}

export function session(sample: Sample, sessionId: string, app: string | null): SessionDetail | null {
  const found = allSessions(sample).find(
    (entry) => entry.session_id === sessionId && (app === null || entry.app === app),
  );
  if (found === undefined) return null;
  const key = `${found.app}/${sessionId}`;
  return {
    session: found,
    events: sample.events.filter((event) => event.session_id === sessionId && event.app === found.app),
    tool_calls: sample.toolCalls.get(key) ?? [],
    segments: sample.segments.get(key) ?? [],
    truncated: false,
  };
}

export function event(sample: Sample, id: string): EventDetail | null {
  const found = sample.events.find((entry) => entry.source_event_id === id);
  if (found === undefined) return null;
  return { event: found, cost_lines: costLines(found.model ?? "", found.tokens), tool_calls: [] };
}

/** One device of each kind; none in an org without data. */
export function devices(sample: Sample): DeviceList {
  const last = sample.events[sample.events.length - 1]?.ts;
  if (last === undefined) return { devices: [] };
  const before = (minutes: number) => new Date(Date.parse(last) - minutes * 60_000).toISOString();
  const device = (digit: string, more: Partial<Device>): Device => ({
    device_id: `dev_${digit.repeat(32)}`,
    state: "claimed",
    activity: "idle",
    os_family: "linux",
    os_version: "6.1.0",
    arch: "x86_64",
    hostname: null,
    daemon: "modelstat-daemon",
    daemon_version: "0.2.0",
    queue_size: 0,
    last_event_at: before(2),
    stats: { "received.accepted": 120, "shipped.accepted": 120 },
    claimed_at: before(20_000),
    revoked_at: null,
    last_seen_at: before(0),
    ...more,
  });
  return {
    devices: [
      device("a", {}),
      device("b", { activity: "offline", hostname: "build-7", queue_size: 14, last_seen_at: before(300) }),
      device("c", { state: "revoked", activity: "offline", revoked_at: before(400), os_family: "macos" }),
      device("d", {
        activity: null,
        queue_size: null,
        last_event_at: null,
        last_seen_at: null,
        stats: {},
      }),
    ],
  };
}

export function privacy(sample: Sample, from: string, to: string): Privacy {
  const events = sample.events.filter((entry) => entry.ts >= from && entry.ts < to);
  const byApp = groupBy(events, (entry) => entry.app);
  const abstracts = [...sample.segments.values()]
    .flat()
    .filter((segment) => segment.ended_at >= from && segment.ended_at < to);
  const received = [...byApp].map(([app, members], index) => {
    const written = abstracts.filter((segment) =>
      members.some((entry) => entry.source_event_id === segment.source_event_ids[0]),
    ).length;
    return {
      producer: index % 2 === 0 ? "daemon-0.2.0" : "python-sdk/0.1.0",
      app,
      device_id: `dev_${(index * 7 + 33).toString(16)}c1`,
      requests: Math.ceil(members.length / 11),
      events: members.length,
      bytes: members.length * 641,
      excerpts: 0,
      abstracts: written,
      titles: written,
      first_at: members[0]?.ts ?? from,
      last_at: members[members.length - 1]?.ts ?? to,
    };
  });
  const reported = [...byApp].map(
    ([app, members], index): ReportedCounters => ({
      instance_id: `ins_${(index * 913 + 4099).toString(16)}`,
      app,
      recorded: members.length * 40,
      sent: members.length * 40 - (index === 1 ? 2 : 0),
      dropped: index === 1 ? { queue_full: 2 } : {},
    }),
  );
  const daemons = received.filter((producer) => producer.producer.startsWith("daemon"));
  const devices = daemons.map((producer, index): ReceiptDevice => {
    const digits = `3f2a91c4${(0x7be05d00 + index * 0x1f9b).toString(16)}`;
    return {
      device: `dk_${digits}`,
      device_id: index === 0 ? null : `dev_${digits}${digits}`,
      first_at: producer.first_at,
      last_at: producer.last_at,
      receipts: producer.requests,
      newest_number: producer.requests * 2 + 1,
    };
  });
  return {
    received,
    text: {
      abstracts: abstracts.length,
      abstract_chars: abstracts.reduce((sum, segment) => sum + segment.abstract.length, 0),
      titles: abstracts.length,
      excerpts: 0,
      excerpt_chars: 0,
      no_abstract: 3,
    },
    findings: [
      { rule: "email", class: "pii", count: sum(events, (entry) => entry.redactions.email ?? 0) },
      { rule: "phone", class: "pii", count: 57 },
      { rule: "iban", class: "pii", count: 12 },
      { rule: "api_key", class: "secret", count: sum(events, (entry) => entry.redactions.api_key ?? 0) },
      { rule: "private_key", class: "secret", count: 2 },
    ].filter((finding) => events.length > 0 && finding.count > 0),
    outcomes: [
      { outcome: "accepted", reason: null, count: events.length },
      { outcome: "duplicate", reason: null, count: 3 },
      { outcome: "id_conflict", reason: null, count: 0 },
      { outcome: "rejected", reason: "tokens.input: not a whole number from 0 to 2^53-1", count: 1 },
      { outcome: "dropped", reason: "queue_full", count: 2 },
    ],
    reported,
    floor_versions: ["1"],
    receipts: {
      valid: sum(devices, (device) => device.receipts),
      invalid: events.length > 0 ? { payload: 1 } : {},
      dropped: 0,
      newest_at:
        devices
          .map((device) => device.last_at)
          .sort()
          .pop() ?? null,
      known_devices: devices.length,
      devices,
    },
    waiting_text: {
      turns: 4,
      bytes: 3810,
      oldest_at: events.at(-1)?.ts ?? null,
      made: { template: abstracts.length },
      again: 2,
      refused: {},
      expired: 0,
      dropped_text: 0,
      dropped_turns: 0,
      damaged: 0,
    },
    warnings: [],
  };
}

function allSessions(sample: Sample): SessionSummary[] {
  return [...groupBy(sample.events, (entry) => `${entry.app}/${entry.session_id}`)].map(([key, events]) => {
    const segment = sample.segments.get(key)?.at(-1);
    const [first, last] = [events[0] as CallEvent, events[events.length - 1] as CallEvent];
    return {
      app: first.app,
      session_id: first.session_id,
      title: segment?.title ?? null,
      abstract: segment?.abstract ?? null,
      first_at: first.ts,
      last_at: last.ts,
      calls: events.length,
      errors: Number(measure(events, "errors")),
      tool_calls: sample.toolCalls.get(key)?.length ?? 0,
      tokens: {
        input: sum(events, (entry) => entry.tokens.input),
        output: sum(events, (entry) => entry.tokens.output),
        cache_creation: 0,
        cache_read: sum(events, (entry) => entry.tokens.cache_read),
        reasoning: sum(events, (entry) => entry.tokens.reasoning),
      },
      cost: measure(events, "cost") as string | null,
      unpriced_calls: Number(measure(events, "unpriced_calls")),
      models: [...new Set(events.map((entry) => entry.model ?? ""))],
      providers: [...new Set(events.map((entry) => entry.provider))],
      agents: [first.agent],
    };
  });
}

function groupOf(entry: CallEvent, dimension: string): string | null {
  if (dimension.startsWith("metadata.")) return entry.metadata[dimension.slice("metadata.".length)] ?? null;
  if (dimension === "session") return entry.session_id;
  return (entry as unknown as Record<string, string | null>)[dimension] ?? null;
}

function matches(entry: CallEvent, filter: Filter): boolean {
  return filter.values.includes(groupOf(entry, filter.dimension)) === (filter.op === "in");
}

function measure(events: CallEvent[], name: Measure): Cell {
  const [family, part] = name.split(".") as [string, string | undefined];
  if (family === "tokens")
    return sum(events, (entry) =>
      part === "total"
        ? Object.values(entry.tokens).reduce((total, value) => total + value, 0)
        : (entry.tokens[part as keyof CallEvent["tokens"]] ?? 0),
    );
  if (family === "latency_ms" || family === "first_token_ms")
    return percentile(
      events.map((entry) => (family === "latency_ms" ? entry.duration_ms : entry.first_token_ms)),
      Number(part?.slice(1)),
    );
  if (name === "errors") return events.filter((entry) => entry.error !== null).length;
  if (name === "sessions") return new Set(events.map((entry) => `${entry.app}/${entry.session_id}`)).size;
  if (name === "unpriced_calls") return events.filter((entry) => entry.cost === null).length;
  if (name === "unknown_usage_calls") return events.filter((entry) => !entry.usage_known).length;
  if (name === "tool_calls") return 0;
  if (name !== "cost") return events.length;
  const priced = events.filter((entry) => entry.cost !== null);
  return sumMoney(priced.map((entry) => entry.cost));
}

function percentile(values: (number | null)[], rank: number): number | null {
  const known = values.filter((value) => value !== null).sort((left, right) => left - right);
  return known[Math.min(known.length - 1, Math.floor((known.length * rank) / 100))] ?? null;
}

function sum<T>(items: T[], pick: (item: T) => number): number {
  return items.reduce((total, item) => total + pick(item), 0);
}

function groupBy<T, K>(items: T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
