import { Link, Outlet, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useMe } from "./api/queries";
import type { Me } from "./api/types";
import type { SharedSearch } from "./lib/search";
import styles from "./Shell.module.css";
import { ErrorNote } from "./ui/ErrorNote";
import { Skeleton } from "./ui/Skeleton";
import { ThemeToggle } from "./ui/ThemeToggle";
import { EmptyState } from "./views/empty/View";

/** Header, navigation and the page below; an org without data gets the empty state instead. */
export function Shell() {
  const me = useMe();
  return (
    <Frame me={me.data}>
      {me.isPending && <Skeleton lines={8} label="Loading" />}
      {me.isError && me.data === undefined && (
        <ErrorNote
          title="The dashboard cannot reach its server"
          error={me.error}
          onRetry={() => void me.refetch()}
        />
      )}
      {me.data !== undefined && (me.data.first_event_at === null ? <EmptyState me={me.data} /> : <Outlet />)}
    </Frame>
  );
}

export function NotFound() {
  return (
    <>
      <h1>There is no page here</h1>
      <p>
        <Link to="/">Back to the overview</Link>
      </p>
    </>
  );
}

function Frame({ me, children }: { me: Me | undefined; children: ReactNode }) {
  const search = useSearch({ strict: false });
  return (
    <>
      <a className={styles.skip} href="#main">
        Skip to content
      </a>
      <header className={styles.header}>
        <div className={styles.bar}>
          <Link to="/" search={sharedOf(search)} className={styles.brand} aria-label="modelstat, overview">
            <svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">
              <rect width="16" height="16" rx="4" />
              <path d="M4 12V8M8 12V4M12 12V6.5" />
            </svg>
            modelstat
          </Link>
          <nav className={styles.nav} aria-label="Pages">
            <Link to="/" search={sharedOf(search)} activeOptions={{ exact: true, includeSearch: false }}>
              Overview
            </Link>
            <Link
              to="/sessions"
              search={{ ...sharedOf(search), app: singleApp(search) }}
              activeOptions={{ includeSearch: false }}
            >
              Sessions
            </Link>
            <Link to="/privacy" search={sharedOf(search)} activeOptions={{ includeSearch: false }}>
              Privacy
            </Link>
          </nav>
          <div className={styles.side}>
            {me !== undefined && (
              <span className={styles.org} title={`${me.org.id} · server ${me.server_version}`}>
                {me.org.name}
              </span>
            )}
            <ThemeToggle />
          </div>
        </div>
      </header>
      <main id="main" className={styles.main} tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function sharedOf({ range, from, to, filters }: SharedSearch): SharedSearch {
  return { range, from, to, filters };
}

/** The one app that the overview is filtered to, so that the list of sessions follows. */
function singleApp(search: SharedSearch & { app?: string | undefined }): string | undefined {
  const filter = search.filters?.find((entry) => entry.dimension === "app" && entry.op === "in");
  const [value, ...more] = filter?.values ?? [];
  return more.length === 0 && typeof value === "string" ? value : search.app;
}
