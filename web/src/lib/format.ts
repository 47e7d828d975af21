/** The only place where numbers, money and dates become text. */
import type { Bucket, Money } from "../api/types";
import type { Delta } from "./delta";

/** Stands where there is nothing to show. */
export const NOTHING = "–";

const NUMBERS = "en-US";
const DATES = "en-GB";

const whole = new Intl.NumberFormat(NUMBERS, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(NUMBERS, {
  notation: "compact",
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});
const dollars = new Intl.NumberFormat(NUMBERS, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  minimumSignificantDigits: 4,
  maximumSignificantDigits: 4,
});
const compactDollars = new Intl.NumberFormat(NUMBERS, {
  style: "currency",
  currency: "USD",
  notation: "compact",
  minimumSignificantDigits: 4,
  maximumSignificantDigits: 4,
});

/** Money to four significant digits: `$12.35`, `$0.004800`, `$12.35K`. */
export function money(amount: Money | undefined): string {
  if (amount === null || amount === undefined) return NOTHING;
  const value = Number(amount);
  if (!Number.isFinite(value)) return NOTHING;
  if (value === 0) return "$0.00";
  return Math.abs(value) >= 10_000 ? compactDollars.format(value) : dollars.format(value);
}

/** Money to the last digit that is there, for titles: `$0.0048`. */
export function exactMoney(amount: Money | undefined): string {
  if (amount === null || amount === undefined) return "not priced";
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount);
  if (match === null) return amount;
  const [, sign = "", integer = "0", fraction = ""] = match;
  const digits = fraction.replace(/0+$/, "").padEnd(2, "0");
  return `${sign}$${integer.replace(/\B(?=(\d{3})+$)/g, ",")}.${digits}`;
}

/** Money on an axis; ticks that are `step` apart all get the digits that tell them apart. */
export function axisMoney(value: number, step: number): string {
  if (value === 0) return "$0";
  if (step >= 1_000)
    return new Intl.NumberFormat(NUMBERS, {
      style: "currency",
      currency: "USD",
      notation: "compact",
      minimumFractionDigits: 0,
      maximumFractionDigits: 1,
    }).format(value);
  const needed = step >= 1 ? 0 : Math.max(2, Math.ceil(-Math.log10(step) - 1e-9));
  return new Intl.NumberFormat(NUMBERS, {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: needed,
    maximumFractionDigits: needed,
  }).format(value);
}

/** A count in full: `12,345`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : whole.format(value);
}

/** A count in little room: `1,234`, `12.3K`, `4.56M`. */
export function shortCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  return Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value);
}

export function axisCount(value: number): string {
  return new Intl.NumberFormat(NUMBERS, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

/** A count with its noun: `1 call`, `2 calls`. */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${whole.format(value)} ${value === 1 ? singular : plural}`;
}

/** A share of a whole, never rounded up to 100 % or down to 0 %. */
export function share(part: number, total: number): string {
  if (total <= 0) return NOTHING;
  const percent = (part / total) * 100;
  if (part > 0 && percent < 0.1) return "<0.1%";
  if (part < total && percent > 99.9) return ">99.9%";
  return `${percent >= 10 ? percent.toFixed(0) : percent.toFixed(1)}%`;
}

/** How much of `total` is there, rounded down to three places: only all of it is 100 %. */
export function completeness(part: number, total: number): string {
  if (total <= 0) return NOTHING;
  if (part >= total) return "100 %";
  const thousandths = Math.floor((part / total) * 100_000);
  return `${(thousandths / 1_000).toFixed(3).replace(/\.?0+$/, "")} %`;
}

/** A change against the previous period: `+12.5%`, or `×30` where a percentage stops saying anything. */
export function delta(change: Delta): string {
  switch (change.kind) {
    case "same":
      return "no change";
    case "new":
      return "new";
    case "unknown":
      return "no comparison";
    case "change": {
      const percent = Math.abs(change.ratio) * 100;
      const sign = change.ratio > 0 ? "+" : "−";
      if (percent >= 1_000) return `×${shortCount(Math.round(change.ratio + 1))}`;
      if (percent < 0.1) return `${sign}<0.1%`;
      return `${sign}${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)}%`;
    }
  }
}

/** A length of time: `340 ms`, `1.20 s`, `2 min 5 s`, `3 h 20 min`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms < 1_000) return `${whole.format(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 3_600) return join(Math.floor(rounded / 60), "min", rounded % 60, "s");
  const minutes = Math.round(rounded / 60);
  if (minutes < 1_440) return join(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return join(Math.floor(hours / 24), "d", hours % 24, "h");
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A size in bytes: `512 B`, `81.2 kB`. */
export function bytes(value: number): string {
  if (value < 1_000) return `${value} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let scaled = value / 1_000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${scaled < 99.95 ? scaled.toFixed(1) : scaled.toFixed(0)} ${units[unit]}`;
}

/** How long ago, in words short enough for a table. */
export function ago(instant: string | number, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(instant).getTime()) / 1_000));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h ago`;
  return `${Math.round(hours / 24)} d ago`;
}

/** An instant in full, local time: `18 Nov 2026, 14:03:07`. */
export function dateTime(instant: string): string {
  return new Intl.DateTimeFormat(DATES, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(instant),
  );
}

/** An instant without seconds and year: `18 Nov, 14:03`. */
export function shortDateTime(instant: string): string {
  return new Intl.DateTimeFormat(DATES, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(instant));
}

/** The time of day: `14:03:07`. */
export function timeOfDay(instant: string): string {
  return new Intl.DateTimeFormat(DATES, { timeStyle: "medium" }).format(new Date(instant));
}

/** A bucket on the axis: `14:00`, `18 Nov`, `Nov 2026`. */
export function bucketTick(edge: Date, bucket: Bucket): string {
  if (bucket === "hour")
    return new Intl.DateTimeFormat(DATES, { hour: "2-digit", minute: "2-digit" }).format(edge);
  if (bucket === "month")
    return new Intl.DateTimeFormat(DATES, { month: "short", year: "numeric" }).format(edge);
  return new Intl.DateTimeFormat(DATES, { day: "numeric", month: "short" }).format(edge);
}

/** A bucket in full: `Wed 18 Nov, 14:00`, `Wed 18 Nov`, `week of 16 Nov 2026`. */
export function bucketName(edge: Date, bucket: Bucket): string {
  const day = new Intl.DateTimeFormat(DATES, { weekday: "short", day: "numeric", month: "short" })
    .format(edge)
    .replace(",", "");
  if (bucket === "hour") return `${day}, ${bucketTick(edge, "hour")}`;
  if (bucket === "day") return day;
  if (bucket === "month")
    return new Intl.DateTimeFormat(DATES, { month: "long", year: "numeric" }).format(edge);
  return `week of ${new Intl.DateTimeFormat(DATES, { dateStyle: "medium" }).format(edge)}`;
}

/** The two days of a range: `1 Jun – 30 Jun 2026`; `to` is exclusive. */
export function days(from: Date, to: Date): string {
  return new Intl.DateTimeFormat(DATES, { day: "numeric", month: "short", year: "numeric" })
    .formatRange(from, new Date(to.getTime() - 1))
    .replace(/\s*–\s*/u, " – ");
}

/** How a dimension is called on the page. */
export function dimensionName(dimension: string): string {
  return dimension.startsWith("metadata.") ? dimension.slice("metadata.".length) : dimension;
}

/** A value of a dimension; absent values have a name too. */
export function dimensionValue(value: string | null): string {
  return value ?? "not set";
}
