import { useState } from "react";
import type { Answered } from "../../api/queries";
import type { Filter } from "../../api/types";
import { StackedBars } from "../../charts/StackedBars";
import { type Series, type SeriesTable, seriesOf, sumCells } from "../../charts/stack";
import { numberOf } from "../../lib/delta";
import { bucketName, bucketTick, days, dimensionName, dimensionValue, share } from "../../lib/format";
import { METRICS, type Metric, type OverviewSearch, PLAIN_DIMENSIONS } from "../../lib/search";
import { bucketEdges, nextEdge, type Window } from "../../lib/time";
import { Card } from "../../ui/Card";
import { colourClass } from "../../ui/colour";
import { ErrorNote } from "../../ui/ErrorNote";
import ui from "../../ui/ui.module.css";
import { METRIC_MEASURES, METRIC_NAMES, metricAxis, metricExact, metricText } from "./metric";
import { SeriesTableView } from "./SeriesTableView";
import styles from "./SpendChart.module.css";

interface SpendChartProps {
  answered: Answered | undefined;
  error: Error | null;
  by: string;
  metric: Metric;
  asTable: boolean;
  metadataKeys: string[];
  onChange(next: Partial<OverviewSearch>): void;
  onChoose(value: string | null, op: Filter["op"]): void;
  onOpenBucket(from: Date, to: Date): void;
}

/** Spend over time by one dimension, as stacked bars or as the same numbers in a table. */
export function SpendChart(props: SpendChartProps) {
  const { answered, by, metric, asTable, onChange } = props;
  return (
    <Card
      testId="chart-spend"
      title={`${METRIC_NAMES[metric]} over time`}
      aside={
        <>
          <div className={ui.segmented} role="group" aria-label="Measure">
            {METRICS.map((name) => (
              <button
                key={name}
                type="button"
                aria-pressed={metric === name}
                data-chosen={metric === name || undefined}
                onClick={() => onChange({ metric: name === "cost" ? undefined : name })}
              >
                {METRIC_NAMES[name]}
              </button>
            ))}
          </div>
          <span className={ui.field}>
            by
            <DimensionSelect
              by={by}
              metadataKeys={props.metadataKeys}
              onChange={(next) => onChange({ by: next === "model" ? undefined : next })}
            />
          </span>
          <button
            type="button"
            className={ui.button}
            aria-pressed={asTable}
            onClick={() => onChange({ table: asTable ? undefined : true })}
          >
            {asTable ? "View as chart" : "View as table"}
          </button>
        </>
      }
    >
      {answered === undefined && props.error !== null && (
        <ErrorNote title="The chart could not be loaded" error={props.error} />
      )}
      {answered === undefined && props.error === null && (
        <div className={styles.waiting} role="status" aria-label="Loading the chart" />
      )}
      {answered !== undefined && <ChartBody {...props} answered={answered} />}
    </Card>
  );
}

function DimensionSelect({
  by,
  metadataKeys,
  onChange,
}: {
  by: string;
  metadataKeys: string[];
  onChange(by: string): void;
}) {
  const keys = by.startsWith("metadata.") ? [...new Set([...metadataKeys, dimensionName(by)])] : metadataKeys;
  return (
    <select
      className={ui.select}
      value={by}
      onChange={(event) => onChange(event.target.value)}
      aria-label="Break down by"
    >
      {PLAIN_DIMENSIONS.map((name) => (
        <option key={name}>{name}</option>
      ))}
      {keys.length > 0 && (
        <optgroup label="metadata">
          {keys.map((key) => (
            <option key={key} value={`metadata.${key}`}>
              {key}
            </option>
          ))}
        </optgroup>
      )}
    </select>
  );
}

function ChartBody(props: SpendChartProps & { answered: Answered }) {
  const { answered, by, metric } = props;
  const { answer, window } = answered;
  const [selected, setSelected] = useState<number | null>(null);
  // An answer that is kept while the next one loads may belong to another dimension.
  const dimension = answer.columns.find((column) => column.kind === "dimension")?.name ?? by;
  const measure = answer.columns.some((column) => column.name === METRIC_MEASURES[metric])
    ? metric
    : metricOf(answer.columns.find((column) => column.kind === "measure")?.name);
  const table = seriesOf(answer, dimension, METRIC_MEASURES[measure], bucketEdges(window));
  const total = answer.totals[METRIC_MEASURES[measure]];
  const bucket = window.bucket;
  const label = `${METRIC_NAMES[measure]} per ${bucket} by ${dimensionName(dimension)}, ${days(window.from, window.to)}`;
  if (props.asTable)
    return (
      <SeriesTableView table={table} dimension={dimension} metric={measure} bucket={bucket} caption={label} />
    );
  const open = (index: number) => {
    const edge = table.edges[index];
    if (edge !== undefined) props.onOpenBucket(edge, nextEdge(bucket, edge));
  };
  const isEmpty = table.series.every((series) => (numberOf(series.total) ?? 0) === 0);
  return (
    <div className={styles.body}>
      <div className={styles.chart}>
        <StackedBars
          table={table}
          dimension={dimension}
          label={label}
          tick={(edge) => bucketTick(edge, bucket)}
          axis={metricAxis(measure)}
          unfinishedFrom={unfinishedFrom(table, window)}
          selected={selected}
          onSelect={setSelected}
          onOpen={bucket === "hour" ? undefined : open}
        />
        {isEmpty && (
          <p className={styles.nothing}>
            {measure === "cost" ? "Nothing priced in this range." : "Nothing in this range."}
          </p>
        )}
      </div>
      <Readout
        table={table}
        dimension={dimension}
        metric={measure}
        total={total}
        window={window}
        selected={selected}
        onChoose={props.onChoose}
      />
    </div>
  );
}

function metricOf(measure: string | undefined): Metric {
  return METRICS.find((metric) => METRIC_MEASURES[metric] === measure) ?? "cost";
}

/** The index of the first bucket that ends after the range does: it is still being filled. */
function unfinishedFrom(table: SeriesTable, window: Window): number {
  const index = table.edges.findIndex((edge) => nextEdge(window.bucket, edge) > window.to);
  return index < 0 ? table.edges.length : index;
}

interface ReadoutProps {
  table: SeriesTable;
  dimension: string;
  metric: Metric;
  total: string | number | null | undefined;
  window: Window;
  selected: number | null;
  onChoose: SpendChartProps["onChoose"];
}

/** The legend, which reads out the whole range or the bucket under the pointer. */
function Readout({ table, dimension, metric, total, window, selected, onChoose }: ReadoutProps) {
  const edge = selected === null ? undefined : table.edges[selected];
  const cellOf = (series: Series) => (selected === null ? series.total : (series.cells[selected] ?? null));
  const whole = selected === null ? total : sumCells(table.series.map(cellOf));
  const wholeNumber = numberOf(whole) ?? 0;
  return (
    <table className={styles.readout}>
      <caption aria-live="polite">
        <span>{edge === undefined ? days(window.from, window.to) : bucketName(edge, window.bucket)}</span>
        <strong>{metricText(metric, whole)}</strong>
      </caption>
      <tbody>
        {table.series.map((series) => {
          const cell = cellOf(series);
          return (
            <tr key={series.key} className={colourClass(dimension, series)}>
              <th scope="row">
                {series.kind === "value" ? (
                  <button
                    type="button"
                    title={`${dimensionValue(series.value ?? null)}: click to filter, shift-click to exclude`}
                    onClick={(event) => onChoose(series.value ?? null, event.shiftKey ? "not_in" : "in")}
                  >
                    {dimensionValue(series.value ?? null)}
                  </button>
                ) : (
                  <span>{series.kind === "other" ? "everything else" : "all"}</span>
                )}
              </th>
              <td title={metricExact(metric, cell)}>{metricText(metric, cell)}</td>
              <td className={styles.part}>{cell === null ? "" : share(numberOf(cell) ?? 0, wholeNumber)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
