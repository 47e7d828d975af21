import type { Cell, Measure } from "../../api/types";
import { axisCount, axisMoney, count, exactMoney, money, shortCount } from "../../lib/format";
import type { Metric } from "../../lib/search";

export const METRIC_NAMES: Record<Metric, string> = { cost: "Spend", tokens: "Tokens", calls: "Calls" };

export const METRIC_MEASURES: Record<Metric, Measure> = {
  cost: "cost",
  tokens: "tokens.total",
  calls: "calls",
};

/** A cell of this metric in little room. */
export function metricText(metric: Metric, cell: Cell | undefined): string {
  return metric === "cost" ? money(amountOf(cell)) : shortCount(countOf(cell));
}

/** A cell of this metric to its last digit. */
export function metricExact(metric: Metric, cell: Cell | undefined): string {
  return metric === "cost" ? exactMoney(amountOf(cell)) : count(countOf(cell));
}

export function metricAxis(metric: Metric): (value: number, step: number) => string {
  return metric === "cost" ? axisMoney : axisCount;
}

export function amountOf(cell: Cell | undefined): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

export function countOf(cell: Cell | undefined): number | null {
  return typeof cell === "number" ? cell : null;
}
