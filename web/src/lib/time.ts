/** Date ranges and bucket edges, in the time zone of the browser. */
import type { Bucket } from "../api/types";

export const RANGES = ["24h", "7d", "30d", "90d", "custom"] as const;
export type Range = (typeof RANGES)[number];

export const DEFAULT_RANGE: Range = "7d";

/** A choice of range as it stands in the address; dates are local, `to` is inclusive. */
export interface RangeChoice {
  range: Range;
  from?: string | undefined;
  to?: string | undefined;
}

/** A resolved range: `from` inclusive, `to` exclusive. */
export interface Window {
  from: Date;
  to: Date;
  bucket: Bucket;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CALENDAR_DAYS: Partial<Record<Range, number>> = { "7d": 7, "30d": 30, "90d": 90 };

/** More buckets than this are not drawn; the server bounds them too. */
const MAX_EDGES = 1_000;

/** The window that a choice means at `now`: whole local days (or hours) up to this minute. */
export function windowOf(choice: RangeChoice, now: Date): Window {
  const minuteEnd = new Date(Math.ceil((now.getTime() + 1) / 60_000) * 60_000);
  const custom = choice.range === "custom" ? customWindow(choice.from, choice.to) : null;
  if (custom !== null) return custom;
  if (choice.range === "24h") {
    return { from: new Date(floorTo("hour", now).getTime() - 23 * HOUR_MS), to: minuteEnd, bucket: "hour" };
  }
  const days = CALENDAR_DAYS[choice.range] ?? 7;
  const from = floorTo("day", now);
  from.setDate(from.getDate() - (days - 1));
  return { from, to: minuteEnd, bucket: "day" };
}

function customWindow(fromDay: string | undefined, toDay: string | undefined): Window | null {
  const from = localDay(fromDay);
  const to = localDay(toDay);
  if (from === null || to === null || from > to) return null;
  to.setDate(to.getDate() + 1);
  return { from, to, bucket: bucketFor(to.getTime() - from.getTime()) };
}

/** The bucket that gives a readable number of bars for a span. */
export function bucketFor(spanMs: number): Bucket {
  if (spanMs <= 2 * DAY_MS + HOUR_MS) return "hour";
  if (spanMs <= 93 * DAY_MS) return "day";
  return spanMs <= 400 * DAY_MS ? "week" : "month";
}

/** Midnight (local) of a day written `YYYY-MM-DD`, or null when it is no such day. */
export function localDay(day: string | undefined): Date | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (match === null) return null;
  const date = new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
  return isoDay(date) === day ? date : null;
}

/** The local day of an instant, as `YYYY-MM-DD`. */
export function isoDay(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** The start of every bucket in the window, oldest first; days of 23 and 25 hours are one bucket. */
export function bucketEdges(window: Window): Date[] {
  const edges: Date[] = [];
  let edge = floorTo(window.bucket, window.from);
  while (edge < window.to && edges.length < MAX_EDGES) {
    edges.push(edge);
    edge = nextEdge(window.bucket, edge);
  }
  return edges;
}

/** The instant at which the bucket that starts at `edge` ends. */
export function nextEdge(bucket: Bucket, edge: Date): Date {
  if (bucket === "hour") return new Date(edge.getTime() + HOUR_MS);
  const next = new Date(edge);
  if (bucket === "day") next.setDate(next.getDate() + 1);
  if (bucket === "week") next.setDate(next.getDate() + 7);
  if (bucket === "month") next.setMonth(next.getMonth() + 1);
  return next;
}

function floorTo(bucket: Bucket, date: Date): Date {
  const floor = new Date(date);
  if (bucket === "hour") {
    floor.setMinutes(0, 0, 0);
    return floor;
  }
  floor.setHours(0, 0, 0, 0);
  // Weeks start on Monday, as the server's do.
  if (bucket === "week") floor.setDate(floor.getDate() - ((floor.getDay() + 6) % 7));
  if (bucket === "month") floor.setDate(1);
  return floor;
}

/** The IANA name of the browser's time zone. */
export function timeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
