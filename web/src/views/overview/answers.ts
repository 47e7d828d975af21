import { type Question, useAnswer, useDimensions } from "../../api/queries";
import type { Measure } from "../../api/types";
import { type OverviewSearch, rangeOf, type SharedSearch } from "../../lib/search";
import { METRIC_MEASURES } from "./metric";

/** Series beside *other* in the chart: what a reader can tell apart. */
const CHART_SERIES = 8;

/** Rows of a ranked list before everything else is summed up. */
const LIST_ROWS = 7;

const TILE_MEASURES: Measure[] = [
  "cost",
  "tokens.total",
  "calls",
  "sessions",
  "errors",
  "latency_ms.p95",
  "latency_ms.p50",
  "unpriced_calls",
  "tokens.input",
  "tokens.cache_read",
  "tokens.cache_creation",
  "tokens.output",
];

const LIST_MEASURES: Measure[] = ["cost", "tokens.total", "calls", "unpriced_calls"];

/** Everything that the overview asks for: tiles, series, and four rankings. */
export function useOverviewAnswers(search: SharedSearch & OverviewSearch) {
  const choice = rangeOf(search);
  const filters = search.filters ?? [];
  const by = search.by ?? "model";
  const who = search.who ?? "agent";
  const measure = METRIC_MEASURES[search.metric ?? "cost"];
  const dimensions = useDimensions(choice);
  const key = search.key ?? dimensions.data?.metadata_keys[0];
  const asked = { choice, filters, orderBy: measure };
  const ranked = (dimension: string): Question => ({
    ...asked,
    dimension,
    measures: LIST_MEASURES,
    limit: LIST_ROWS,
  });
  return {
    by,
    who,
    key,
    dimensions,
    totals: useAnswer({ choice, filters, measures: TILE_MEASURES, bucketed: true, compared: true }),
    series: useAnswer({
      ...asked,
      dimension: by,
      measures: measure === "calls" ? ["calls"] : [measure, "calls"],
      bucketed: true,
      limit: CHART_SERIES,
    }),
    models: useAnswer(ranked("model")),
    apps: useAnswer(ranked("app")),
    callers: useAnswer(ranked(who)),
    tagged: useAnswer(ranked(`metadata.${key ?? ""}`), key !== undefined),
  };
}

export type OverviewAnswers = ReturnType<typeof useOverviewAnswers>;
