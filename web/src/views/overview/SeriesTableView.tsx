import type { Bucket } from "../../api/types";
import type { SeriesTable } from "../../charts/stack";
import { bucketName, dimensionValue } from "../../lib/format";
import type { Metric } from "../../lib/search";
import table from "../../styles/table.module.css";
import { metricExact, metricText } from "./metric";

/** The chart's twin: the same numbers, one row per bucket, newest first. */
export function SeriesTableView({
  table: data,
  dimension,
  metric,
  bucket,
  caption,
}: {
  table: SeriesTable;
  dimension: string;
  metric: Metric;
  bucket: Bucket;
  caption: string;
}) {
  const order = data.edges.map((_, index) => index).reverse();
  return (
    <div className={table.scroll} tabIndex={0} role="group" aria-label={caption}>
      <table className={table.table} data-dimension={dimension}>
        <caption className="unseen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{bucket}</th>
            {data.series.map((series) => (
              <th key={series.key} scope="col" className={table.number}>
                {series.kind === "value"
                  ? dimensionValue(series.value ?? null)
                  : series.kind === "other"
                    ? "everything else"
                    : "all"}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {order.map((index) => (
            <tr key={index}>
              <th scope="row">{bucketName(data.edges[index] ?? new Date(0), bucket)}</th>
              {data.series.map((series) => (
                <td
                  key={series.key}
                  className={table.number}
                  title={metricExact(metric, series.cells[index])}
                >
                  {metricText(metric, series.cells[index])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
