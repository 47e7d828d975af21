/** From rows of an answer to series, and from series to the geometry of stacked bars. Pure functions. */
import { scaleBand, scaleLinear } from "d3-scale";
import { stack, stackOffsetDiverging } from "d3-shape";
import type { Cell, Measure, QueryAnswer } from "../api/types";
import { sumMoney } from "../lib/decimal";
import { numberOf } from "../lib/delta";

/** One colour in the stack: a value of the dimension, or everything that was cut off. */
export interface Series {
  /** Unique within the chart. */
  key: string;
  /** The dimension's value; null where it is absent, undefined for *other* and for charts without dimension. */
  value: string | null | undefined;
  kind: "value" | "other" | "all";
  /** One entry per bucket; null where there is no row. */
  cells: Cell[];
  /** Over all buckets: a number for counts, a decimal string for money, null where nothing is priced. */
  total: Cell;
}

export interface SeriesTable {
  edges: Date[];
  series: Series[];
}

/** Arranges a bucketed answer by series, largest first, *other* last; empty buckets stay as gaps. */
export function seriesOf(
  answer: QueryAnswer,
  dimension: string | null,
  measure: Measure,
  edges: Date[],
): SeriesTable {
  const at = (name: string) => answer.columns.findIndex((column) => column.name === name);
  const bucketAt = at("bucket");
  const measureAt = at(measure);
  const dimensionAt = dimension === null ? -1 : at(dimension);
  const byKey = new Map<string, Series>();

  const place = (row: Cell[], kind: Series["kind"], value: string | null | undefined) => {
    const index = bucketIndex(edges, Date.parse(String(row[bucketAt])));
    if (index < 0) return;
    const key = kind === "value" ? `value:${value ?? ""}:${value === null}` : kind;
    const series = byKey.get(key) ?? { key, kind, value, cells: edges.map(() => null), total: null };
    series.cells[index] = sumCells([series.cells[index] ?? null, row[measureAt] ?? null]);
    byKey.set(key, series);
  };
  for (const row of answer.rows) {
    const cell = row[dimensionAt] ?? null;
    if (dimension === null) place(row, "all", undefined);
    else place(row, "value", cell === null ? null : String(cell));
  }
  for (const row of answer.other) place(row, "other", undefined);

  const rank = (series: Series) => (series.kind === "other" ? 1 : 0);
  const series = [...byKey.values()].map((entry) => ({ ...entry, total: sumCells(entry.cells) }));
  series.sort(
    (left, right) => rank(left) - rank(right) || (numberOf(right.total) ?? -1) - (numberOf(left.total) ?? -1),
  );
  return { edges, series };
}

/** The bucket that an instant lies in; a first bucket that begins before the range counts as the first. */
function bucketIndex(edges: Date[], instant: number): number {
  if (!Number.isFinite(instant) || edges.length === 0) return -1;
  return Math.max(
    0,
    edges.findLastIndex((edge) => edge.getTime() <= instant),
  );
}

/** The exact sum of counts or of money; null when there is nothing to add. */
export function sumCells(cells: Cell[]): Cell {
  const present = cells.filter((cell) => cell !== null);
  if (present.length === 0) return null;
  const counts = present.filter((cell) => typeof cell === "number");
  if (counts.length > 0) return counts.reduce((sum, cell) => sum + cell, 0);
  return sumMoney(present.map(String));
}

export interface Size {
  width: number;
  height: number;
}

export interface Bar {
  series: string;
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface StackLayout {
  plot: { left: number; top: number; right: number; bottom: number };
  bars: Bar[];
  /** Where the pointer chooses a bucket; together they cover the plot. */
  columns: { index: number; x: number; width: number }[];
  yTicks: { value: number; y: number }[];
  /** The distance of two ticks, which decides how many digits they need. */
  yStep: number;
  xTicks: { index: number; x: number }[];
}

const MARGIN = { top: 10, right: 16, bottom: 24, left: 56 };
const Y_TICKS = 4;
/** Least room for one label on the time axis, in pixels. */
const X_TICK_ROOM = 72;
const MAX_BAR_WIDTH = 56;

/** Lays out stacked bars, the first series at the bottom. */
export function layoutStack(table: SeriesTable, size: Size): StackLayout {
  const plot = {
    left: MARGIN.left,
    top: MARGIN.top,
    right: Math.max(MARGIN.left + 1, size.width - MARGIN.right),
    bottom: size.height - MARGIN.bottom,
  };
  const indices = table.edges.map((_, index) => index);
  const amounts = indices.map((index) =>
    table.series.map((series) => Math.max(0, numberOf(series.cells[index]) ?? 0)),
  );
  const tallest = Math.max(0, ...amounts.map((column) => column.reduce((sum, amount) => sum + amount, 0)));
  const band = scaleBand<number>()
    .domain(indices)
    .range([plot.left, plot.right])
    .paddingInner(0.22)
    .paddingOuter(0.11);
  const linear = scaleLinear()
    .domain([0, tallest > 0 ? tallest : 1])
    .nice(Y_TICKS)
    .range([plot.bottom, plot.top]);
  const width = Math.min(band.bandwidth(), MAX_BAR_WIDTH);
  const inset = (band.bandwidth() - width) / 2;

  const stacked = stack<unknown, number[], number>()
    .keys(table.series.map((_, position) => position))
    .value((column, position) => column[position] ?? 0)
    .offset(stackOffsetDiverging)(amounts);
  const bars = stacked.flatMap((layer, position) =>
    layer.flatMap((range, index) => {
      const [low, high] = [range[0] ?? 0, range[1] ?? 0];
      const series = table.series[position];
      if (series === undefined || high <= low) return [];
      const y = linear(high);
      return [
        {
          series: series.key,
          index,
          x: (band(index) ?? 0) + inset,
          y,
          width,
          height: Math.max(linear(low) - y, 0.5),
        },
      ];
    }),
  );
  const step = band.step();
  const every = Math.max(1, Math.ceil(X_TICK_ROOM / Math.max(step, 1)));
  const ticks = tallest > 0 ? linear.ticks(Y_TICKS) : [0];
  return {
    plot,
    bars,
    columns: indices.map((index) => ({
      index,
      x: (band(index) ?? 0) - (step - band.bandwidth()) / 2,
      width: step,
    })),
    yTicks: ticks.map((value) => ({ value, y: linear(value) })),
    yStep: (ticks[1] ?? 1) - (ticks[0] ?? 0),
    xTicks: indices
      .filter((index) => (indices.length - 1 - index) % every === 0)
      .map((index) => ({ index, x: (band(index) ?? 0) + band.bandwidth() / 2 })),
  };
}

/** The points of a sparkline as an SVG path; gaps count as zero, fewer than two points draw nothing. */
export function sparklinePath(values: (number | null)[], size: Size): string {
  const top = Math.max(...values.map((value) => value ?? 0), 0);
  if (values.length < 2 || top <= 0) return "";
  const x = scaleLinear()
    .domain([0, values.length - 1])
    .range([1, size.width - 1]);
  const y = scaleLinear()
    .domain([0, top])
    .range([size.height - 1.5, 1.5]);
  return values
    .map((value, index) => `${index === 0 ? "M" : "L"}${x(index).toFixed(1)},${y(value ?? 0).toFixed(1)}`)
    .join("");
}
