import { getRouteApi } from "@tanstack/react-router";
import type { Filter } from "../../api/types";
import { type OverviewSearch, type SharedSearch, withFilter, withoutFilter } from "../../lib/search";
import { isoDay } from "../../lib/time";
import { ErrorNote } from "../../ui/ErrorNote";
import { FilterChips } from "../../ui/FilterChips";
import { PageHead } from "../../ui/PageHead";
import { RangePicker } from "../../ui/RangePicker";
import { Updated } from "../../ui/Updated";
import { useOverviewAnswers } from "./answers";
import { Lists } from "./Lists";
import { SpendChart } from "./SpendChart";
import { Tiles } from "./Tiles";
import styles from "./View.module.css";

const route = getRouteApi("/");

/** Money first: six numbers, spend over time, and who it went to. */
export function Overview() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const answers = useOverviewAnswers(search);
  const { totals, series, by } = answers;
  const filters = search.filters ?? [];
  const metric = search.metric ?? "cost";
  const change = (next: Partial<OverviewSearch & SharedSearch>) =>
    void navigate({ search: (previous) => ({ ...previous, ...next }), resetScroll: false });
  const choose = (dimension: string, value: string | null, op: Filter["op"]) =>
    change({ filters: withFilter(filters, dimension, value, op) });
  const openBucket = (from: Date, to: Date) =>
    change({ range: "custom", from: isoDay(from), to: isoDay(new Date(to.getTime() - 1)) });
  const failed = totals.error ?? series.error;
  return (
    <>
      <PageHead title="Overview">
        <Updated at={totals.dataUpdatedAt} failed={totals.isError} />
        <RangePicker />
      </PageHead>
      <FilterChips
        filters={filters}
        onRemove={(dimension, value) => change({ filters: withoutFilter(filters, dimension, value) })}
        onClear={() => change({ filters: undefined })}
      />
      <div className={styles.stack}>
        {failed !== null && totals.data === undefined && (
          <ErrorNote
            title="These numbers could not be loaded"
            error={failed}
            onRetry={() => void Promise.all([totals.refetch(), series.refetch()])}
          />
        )}
        <Tiles answered={totals.data} hasFailed={totals.isError} />
        <SpendChart
          answered={series.data}
          error={series.error}
          by={by}
          metric={metric}
          asTable={search.table === true}
          metadataKeys={answers.dimensions.data?.metadata_keys ?? []}
          onChange={change}
          onChoose={(value, op) => choose(by, value, op)}
          onOpenBucket={openBucket}
        />
        <Lists answers={answers} metric={metric} onChange={change} onChoose={choose} />
      </div>
    </>
  );
}
