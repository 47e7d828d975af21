/** The address is the state: what it may hold, and what becomes of anything else. */
import type { Filter } from "../api/types";
import { DEFAULT_RANGE, localDay, RANGES, type Range, type RangeChoice } from "./time";

/** Most filters in one address; the server takes no more. */
export const MAX_FILTERS = 16;

/** Most values of one filter. */
const MAX_FILTER_VALUES = 100;

/** Longest text that is taken from the address. */
const MAX_TEXT_LENGTH = 300;

export const METRICS = ["cost", "tokens", "calls"] as const;
export type Metric = (typeof METRICS)[number];

export const PLAIN_DIMENSIONS = ["model", "provider", "app", "agent"] as const;

/** What every page shares. */
export interface SharedSearch {
  range?: Range | undefined;
  from?: string | undefined;
  to?: string | undefined;
  filters?: Filter[] | undefined;
}

export interface OverviewSearch {
  by?: string | undefined;
  metric?: Metric | undefined;
  table?: boolean | undefined;
  /** What the third list ranks. */
  who?: "agent" | "provider" | undefined;
  /** The metadata key of the fourth list. */
  key?: string | undefined;
}

export interface SessionsSearch {
  q?: string | undefined;
  app?: string | undefined;
}

type Raw = Record<string, unknown>;

/**
 * Every validator names each of its keys, `undefined` where the address holds nothing
 * usable: the router lays the result over what was typed, so a missing key would let it through.
 */
export function validateShared(raw: Raw): SharedSearch {
  const range = oneOf(RANGES, raw.range);
  const from = day(raw.from);
  const to = day(raw.to);
  const filters = validFilters(raw.filters);
  const customHolds = range === "custom" && from !== undefined && to !== undefined && from <= to;
  return {
    range: range === "custom" && !customHolds ? undefined : range,
    from: customHolds ? from : undefined,
    to: customHolds ? to : undefined,
    filters: filters.length > 0 ? filters : undefined,
  };
}

export function validateOverview(raw: Raw): OverviewSearch {
  const by = text(raw.by);
  return {
    by: by !== undefined && isDimension(by) ? by : undefined,
    metric: oneOf(METRICS, raw.metric),
    table: raw.table === true ? true : undefined,
    who: oneOf(["agent", "provider"] as const, raw.who),
    key: text(raw.key),
  };
}

export function validateSessions(raw: Raw): SessionsSearch {
  return { q: text(raw.q), app: text(raw.app) };
}

export function rangeOf(search: SharedSearch): RangeChoice {
  return { range: search.range ?? DEFAULT_RANGE, from: search.from, to: search.to };
}

/** Whether the API groups and filters by this name. */
export function isDimension(name: string): boolean {
  return (PLAIN_DIMENSIONS as readonly string[]).includes(name) || /^metadata\../.test(name);
}

/** Adds a value to the filter of its dimension; the opposite filter on it gives way. */
export function withFilter(
  filters: Filter[] | undefined,
  dimension: string,
  value: string | null,
  op: Filter["op"] = "in",
): Filter[] {
  const rest = (filters ?? []).filter((filter) => filter.dimension !== dimension);
  const same = (filters ?? []).find((filter) => filter.dimension === dimension && filter.op === op);
  const values = [...new Set([...(same?.values ?? []), value])].slice(0, MAX_FILTER_VALUES);
  return [...rest, { dimension, op, values }].slice(-MAX_FILTERS);
}

/** Takes one value out again; a filter without values disappears, and so does an empty list. */
export function withoutFilter(
  filters: Filter[] | undefined,
  dimension: string,
  value: string | null,
): Filter[] | undefined {
  const kept = (filters ?? [])
    .map((filter) =>
      filter.dimension === dimension
        ? { ...filter, values: filter.values.filter((entry) => entry !== value) }
        : filter,
    )
    .filter((filter) => filter.values.length > 0);
  return kept.length > 0 ? kept : undefined;
}

function validFilters(raw: unknown): Filter[] {
  if (!Array.isArray(raw)) return [];
  return raw.flatMap(validFilter).slice(0, MAX_FILTERS);
}

function validFilter(raw: unknown): Filter[] {
  if (typeof raw !== "object" || raw === null) return [];
  const { dimension, op, values } = raw as Raw;
  if (typeof dimension !== "string" || !isDimension(dimension) || !Array.isArray(values)) return [];
  const valid = values.filter(
    (value): value is string | null =>
      value === null || (typeof value === "string" && value.length <= MAX_TEXT_LENGTH),
  );
  if (valid.length === 0) return [];
  return [{ dimension, op: op === "not_in" ? "not_in" : "in", values: valid.slice(0, MAX_FILTER_VALUES) }];
}

function text(raw: unknown): string | undefined {
  // The router reads `?q=42` as a number; the person typed text.
  const value = typeof raw === "number" || typeof raw === "boolean" ? String(raw) : raw;
  return typeof value === "string" && value.trim() !== "" ? value.slice(0, MAX_TEXT_LENGTH) : undefined;
}

function day(raw: unknown): string | undefined {
  return typeof raw === "string" && localDay(raw) !== null ? raw : undefined;
}

function oneOf<T extends string>(allowed: readonly T[], raw: unknown): T | undefined {
  return allowed.find((entry) => entry === raw);
}
