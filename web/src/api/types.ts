/** What the query API sends, field by field. Times are RFC 3339, money is a decimal string in USD. */

/** A decimal amount in USD with twelve places; null where nothing is priced. */
export type Money = string | null;

export interface Me {
  org: { id: string; name: string };
  scopes: string[];
  expires_at: string | null;
  server_version: string;
  /** Null while the org has no data. */
  first_event_at: string | null;
  last_event_at: string | null;
  daemon_url: string | null;
}

export interface Dimensions {
  dimensions: string[];
  metadata_keys: string[];
}

export type Measure =
  | "calls"
  | "errors"
  | "sessions"
  | "tool_calls"
  | "cost"
  | "unpriced_calls"
  | "unknown_usage_calls"
  | "tokens.input"
  | "tokens.output"
  | "tokens.cache_creation"
  | "tokens.cache_read"
  | "tokens.reasoning"
  | "tokens.total"
  | "latency_ms.p50"
  | "latency_ms.p95"
  | "latency_ms.p99"
  | "first_token_ms.p50"
  | "first_token_ms.p95";

export type Bucket = "hour" | "day" | "week" | "month";

export interface Filter {
  dimension: string;
  op: "in" | "not_in";
  /** Null stands for "absent". */
  values: (string | null)[];
}

export interface QueryRequest {
  measures: Measure[];
  dimensions: string[];
  filters: Filter[];
  from: string;
  to: string;
  bucket?: Bucket;
  time_zone: string;
  compare?: "previous";
  order_by?: Measure;
  limit?: number;
}

export type Cell = string | number | null;
export type Totals = Partial<Record<Measure, Cell>>;

export interface Column {
  name: string;
  kind: "bucket" | "dimension" | "measure";
}

export interface QueryAnswer {
  columns: Column[];
  rows: Cell[][];
  other: Cell[][];
  totals: Totals;
  previous?: { from: string; to: string; totals: Totals };
  coverage: { unpriced_calls: number; unknown_usage_calls: number; flagged_time: number };
}

export interface TokenCounts {
  input: number;
  output: number;
  cache_creation: number;
  cache_read: number;
  reasoning: number;
}

export interface SessionSummary {
  app: string;
  session_id: string;
  title: string | null;
  abstract: string | null;
  first_at: string;
  last_at: string;
  calls: number;
  errors: number;
  tool_calls: number;
  tokens: TokenCounts;
  cost: Money;
  unpriced_calls: number;
  models: string[];
  providers: string[];
  agents: string[];
}

export interface SessionPage {
  sessions: SessionSummary[];
  next_cursor: string | null;
}

export interface CallEvent {
  app: string;
  source_event_id: string;
  ts: string;
  received_at: string;
  kind: string;
  agent: string;
  provider: string;
  model: string | null;
  session_id: string;
  tokens: TokenCounts;
  usage_known: boolean;
  cost: Money;
  reported_cost: Money;
  price_id: string | null;
  price_book: string | null;
  unpriced_reason: string | null;
  duration_ms: number | null;
  first_token_ms: number | null;
  started_at: string | null;
  error: { type: string; status: number | null } | null;
  finish_reason: string | null;
  metadata: Record<string, string>;
  git: { branch: string | null; remote_slug: string | null; host: string | null } | null;
  cwd: string | null;
  content_excerpt: string | null;
  redactions: Record<string, number>;
  flags: string[];
  turn_index: number | null;
}

export interface ToolCall {
  external_call_id: string;
  source_event_id: string;
  agent: string;
  server: string;
  name: string;
  call_index: number;
  started_at: string;
  ended_at: string | null;
  status: string;
  args_hash: string;
  signature_hash: string;
  args_bytes: number;
  result_bytes: number;
  model: string | null;
  command_families: string[];
}

export interface Segment {
  segment_id: string;
  generation: string | number | null;
  started_at: string;
  ended_at: string;
  title: string | null;
  abstract: string;
  work_type: string | null;
  engine: string | null;
  engine_version: string | null;
  /** The sha256 of the model's file, where a model of a known file wrote it. */
  model_sha256: string | null;
  /** The version of what the model was asked. */
  prompt_version: string | null;
  /** The first engine that was to write it and did not, and why: `llama.timeout`. */
  fallback_reason: string | null;
  turns: number;
  source_event_ids: string[];
  tags: string[];
}

export interface SessionDetail {
  session: SessionSummary;
  events: CallEvent[];
  tool_calls: ToolCall[];
  segments: Segment[];
  /** True when the session has more calls than one answer holds. */
  truncated: boolean;
}

export interface CostLine {
  class: string;
  quantity: number;
  rate_usd_per_million: string;
  amount: string;
}

export interface EventDetail {
  event: CallEvent;
  cost_lines: CostLine[];
  tool_calls: ToolCall[];
}

export interface Producer {
  producer: string;
  app: string;
  device_id: string;
  requests: number;
  events: number;
  bytes: number;
  excerpts: number;
  abstracts: number;
  titles: number;
  first_at: string;
  last_at: string;
}

/** A daemon that registered itself and was claimed for the reader's org. */
export interface Device {
  device_id: string;
  state: "claimed" | "revoked";
  /** What it said last, `offline` when that was long ago; null before its first heartbeat. */
  activity: string | null;
  os_family: string | null;
  os_version: string | null;
  arch: string | null;
  hostname: string | null;
  daemon: string | null;
  daemon_version: string | null;
  /** Requests that wait for the server. */
  queue_size: number | null;
  last_event_at: string | null;
  stats: Record<string, number>;
  claimed_at: string | null;
  revoked_at: string | null;
  last_seen_at: string | null;
}

export interface DeviceList {
  devices: Device[];
}

export interface Finding {
  rule: string;
  class: string;
  count: number;
}

export interface OutcomeCount {
  outcome: string;
  reason: string | null;
  count: number;
}

export interface ReportedCounters {
  instance_id: string;
  app: string;
  recorded: number;
  sent: number;
  dropped: Record<string, number>;
}

export interface ReceiptDevice {
  device: string;
  device_id: string | null;
  first_at: string;
  last_at: string;
  receipts: number;
  newest_number: number;
}

export interface ReceiptSummary {
  valid: number;
  invalid: Record<string, number>;
  dropped: number;
  newest_at: string | null;
  known_devices: number;
  devices: ReceiptDevice[];
}

/** Whole turns that wait for their abstract, and what became of those before them. */
export interface WaitingText {
  turns: number;
  bytes: number;
  oldest_at: string | null;
  made: Record<string, number>;
  again: number;
  refused: Record<string, number>;
  expired: number;
  dropped_text: number;
  dropped_turns: number;
  damaged: number;
}

export interface Privacy {
  received: Producer[];
  text: {
    abstracts: number;
    abstract_chars: number;
    titles: number;
    excerpts: number;
    excerpt_chars: number;
    no_abstract: number;
  };
  findings: Finding[];
  outcomes: OutcomeCount[];
  reported: ReportedCounters[];
  floor_versions: string[];
  receipts: ReceiptSummary;
  waiting_text: WaitingText;
  warnings: string[];
}
