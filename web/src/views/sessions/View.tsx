import { getRouteApi } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { useAnswer, useSessions } from "../../api/queries";
import { rangeOf, type SessionsSearch } from "../../lib/search";
import { Card } from "../../ui/Card";
import { ErrorNote } from "../../ui/ErrorNote";
import { PageHead } from "../../ui/PageHead";
import { RangePicker } from "../../ui/RangePicker";
import { Skeleton } from "../../ui/Skeleton";
import { Updated, useNow } from "../../ui/Updated";
import ui from "../../ui/ui.module.css";
import { SessionsTable } from "./SessionsTable";
import styles from "./View.module.css";

const route = getRouteApi("/sessions");

/** Apps that the filter offers; an app beyond them is still reachable through the address. */
const MAX_APPS = 100;

/** The sessions of a range, newest activity first. */
export function Sessions() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const choice = rangeOf(search);
  const sessions = useSessions(choice, search.q, search.app);
  const apps = useAnswer({ choice, filters: [], measures: ["sessions"], dimension: "app", limit: MAX_APPS });
  const now = useNow(30_000);
  const change = (next: SessionsSearch) =>
    void navigate({ search: (previous) => ({ ...previous, ...next }) });
  const rows = sessions.data?.pages.flatMap((page) => page.sessions) ?? [];
  const names = (apps.data?.answer.rows ?? [])
    .map((row) => row[0])
    .filter((name): name is string => typeof name === "string");
  return (
    <>
      <PageHead title="Sessions">
        <Updated at={sessions.dataUpdatedAt} failed={sessions.isRefetchError} />
        <RangePicker />
      </PageHead>
      <Card
        title={search.q === undefined ? "Newest activity first" : `Sessions that mention “${search.q}”`}
        aside={<Toolbar search={search} apps={names} onChange={change} />}
      >
        {sessions.isPending && <Skeleton lines={12} label="Loading sessions" />}
        {sessions.isError && rows.length === 0 && (
          <ErrorNote
            title="The sessions could not be loaded"
            error={sessions.error}
            onRetry={() => void sessions.refetch()}
          />
        )}
        {sessions.isSuccess && rows.length === 0 && (
          <p className={styles.none}>
            {search.q === undefined ? "No session in this range." : "No session in this range matches."} Try a
            longer range.
          </p>
        )}
        {rows.length > 0 && <SessionsTable sessions={rows} now={now} />}
        {sessions.hasNextPage && (
          <div className={styles.more}>
            <button
              type="button"
              className={ui.button}
              disabled={sessions.isFetchingNextPage}
              onClick={() => void sessions.fetchNextPage()}
            >
              {sessions.isFetchingNextPage ? "Loading…" : "Load more"}
            </button>
          </div>
        )}
      </Card>
    </>
  );
}

interface ToolbarProps {
  search: SessionsSearch;
  apps: string[];
  onChange(next: SessionsSearch): void;
}

function Toolbar({ search, apps, onChange }: ToolbarProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onChange({ q: String(new FormData(event.currentTarget).get("q")).trim() || undefined });
  };
  return (
    <>
      <form className={styles.search} role="search" onSubmit={submit}>
        <input
          key={search.q}
          className={ui.input}
          type="search"
          name="q"
          defaultValue={search.q}
          placeholder="Search titles and abstracts"
          aria-label="Search titles and abstracts"
        />
        <button type="submit" className={ui.button}>
          Search
        </button>
      </form>
      <label className={ui.field}>
        app
        <select
          className={ui.select}
          value={search.app ?? ""}
          onChange={(event) => onChange({ app: event.target.value || undefined })}
        >
          <option value="">all</option>
          {[...new Set([...apps, ...(search.app === undefined ? [] : [search.app])])].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
    </>
  );
}
