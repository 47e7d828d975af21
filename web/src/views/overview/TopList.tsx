import type { ReactNode } from "react";
import type { Answered } from "../../api/queries";
import type { Cell, Filter, QueryAnswer } from "../../api/types";
import { ShareBar } from "../../charts/ShareBar";
import { numberOf } from "../../lib/delta";
import { counted, dimensionName, dimensionValue, share } from "../../lib/format";
import type { Metric } from "../../lib/search";
import { Card } from "../../ui/Card";
import { colourOf } from "../../ui/colour";
import { Skeleton } from "../../ui/Skeleton";
import { METRIC_MEASURES, METRIC_NAMES, metricExact, metricText } from "./metric";
import styles from "./TopList.module.css";

interface TopListProps {
  testId: string;
  title: string;
  dimension: string;
  metric: Metric;
  answered: Answered | undefined;
  hasFailed: boolean;
  aside?: ReactNode;
  onChoose(dimension: string, value: string | null, op: Filter["op"]): void;
}

/** A ranking by one dimension; a row is a filter waiting to be clicked. */
export function TopList(props: TopListProps) {
  const { testId, title, dimension, metric, answered, hasFailed, aside, onChoose } = props;
  return (
    <Card title={title} aside={aside} testId={testId}>
      {answered === undefined && hasFailed && <p className={styles.none}>This list could not be loaded.</p>}
      {answered === undefined && !hasFailed && <Skeleton lines={6} label={`Loading ${title}`} />}
      {answered !== undefined && (
        <Ranking
          answer={answered.answer}
          title={title}
          dimension={dimension}
          metric={metric}
          onChoose={onChoose}
        />
      )}
    </Card>
  );
}

function Ranking({
  answer,
  title,
  dimension,
  metric,
  onChoose,
}: { answer: QueryAnswer } & Pick<TopListProps, "title" | "dimension" | "metric" | "onChoose">) {
  const at = (name: string) => answer.columns.findIndex((column) => column.name === name);
  const [valueAt, metricAt, unpricedAt] = [
    answer.columns.findIndex((column) => column.kind === "dimension"),
    at(METRIC_MEASURES[metric]),
    at("unpriced_calls"),
  ];
  const total = numberOf(answer.totals[METRIC_MEASURES[metric]]) ?? 0;
  if (answer.rows.length === 0) return <p className={styles.none}>Nothing in this range.</p>;
  const figures = (row: Cell[], colour: string) => (
    <Figures
      cell={row[metricAt] ?? null}
      unpricedCalls={numberOf(row[unpricedAt]) ?? 0}
      total={total}
      metric={metric}
      colour={colour}
    />
  );
  return (
    <table className={styles.list}>
      <caption className="unseen">
        {title} by {METRIC_NAMES[metric].toLowerCase()}, largest first
      </caption>
      <RankingHead dimension={dimension} metric={metric} />
      <tbody>
        {answer.rows.map((row) => {
          const cell = row[valueAt] ?? null;
          const value = cell === null ? null : String(cell);
          return (
            <tr key={`${value}/${cell === null}`} className={styles.row}>
              <th scope="row">
                <button
                  type="button"
                  title={`${dimensionValue(value)}: click to filter, shift-click to exclude`}
                  onClick={(event) => onChoose(dimension, value, event.shiftKey ? "not_in" : "in")}
                  data-absent={value === null || undefined}
                >
                  {dimensionValue(value)}
                </button>
              </th>
              {figures(row, colourOf(dimension, value))}
            </tr>
          );
        })}
        {answer.other.map((row, index) => (
          <tr key={`other-${index}`} className={styles.other}>
            <th scope="row">everything else</th>
            {figures(row, "series-other")}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Column names for screen readers; the eye sees them in the card's title. */
function RankingHead({ dimension, metric }: Pick<TopListProps, "dimension" | "metric">) {
  return (
    <>
      <colgroup>
        <col className={styles.nameColumn} />
        <col />
        <col className={styles.amountColumn} />
        <col className={styles.partColumn} />
      </colgroup>
      <thead className="unseen">
        <tr>
          <th scope="col">{dimensionName(dimension)}</th>
          <th scope="col">bar</th>
          <th scope="col">{METRIC_NAMES[metric]}</th>
          <th scope="col">share</th>
        </tr>
      </thead>
    </>
  );
}

interface FiguresProps {
  cell: Cell;
  unpricedCalls: number;
  total: number;
  metric: Metric;
  colour: string;
}

/** The last three cells of a row: bar, amount, share. */
function Figures({ cell, unpricedCalls, total, metric, colour }: FiguresProps) {
  return (
    <>
      <td className={`${styles.bar} ${colour}`}>
        <ShareBar part={numberOf(cell) ?? 0} total={total} />
      </td>
      <td className={styles.amount} title={metricExact(metric, cell)}>
        {metric === "cost" && cell === null ? (
          <span className={styles.unpriced}>{counted(unpricedCalls, "call")}, unpriced</span>
        ) : (
          metricText(metric, cell)
        )}
      </td>
      <td className={styles.part}>{cell === null ? "" : share(numberOf(cell) ?? 0, total)}</td>
    </>
  );
}
