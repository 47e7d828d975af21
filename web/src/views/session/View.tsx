import { getRouteApi, Link } from "@tanstack/react-router";
import { useSession } from "../../api/queries";
import type { SessionDetail, SessionSummary } from "../../api/types";
import { count, counted, dateTime, duration, exactMoney, money, shortCount } from "../../lib/format";
import { totalTokens } from "../../lib/tokens";
import { Card } from "../../ui/Card";
import { ErrorNote } from "../../ui/ErrorNote";
import { PageHead } from "../../ui/PageHead";
import { Skeleton } from "../../ui/Skeleton";
import { Updated } from "../../ui/Updated";
import { Calls } from "./Calls";
import { Segments } from "./Segments";
import { ToolCalls } from "./ToolCalls";
import styles from "./View.module.css";

const route = getRouteApi("/sessions/$sessionId");

/** One session from its totals down to every call. */
export function Session() {
  const { sessionId } = route.useParams();
  const search = route.useSearch();
  const session = useSession(sessionId, search.app);
  const back = (
    <Link to="/sessions" search={{ ...search, app: undefined, q: undefined }} className={styles.back}>
      ← Sessions
    </Link>
  );
  if (session.data === undefined) {
    return (
      <>
        {back}
        <PageHead title={sessionId} />
        {session.isError ? (
          <ErrorNote
            title="The session could not be loaded"
            error={session.error}
            onRetry={() => void session.refetch()}
          />
        ) : (
          <Skeleton lines={14} label="Loading the session" />
        )}
      </>
    );
  }
  return (
    <div data-testid="session-page">
      {back}
      <PageHead
        title={session.data.session.title ?? sessionId}
        below={<Identity session={session.data.session} />}
      >
        <Updated at={session.dataUpdatedAt} failed={session.isError} />
      </PageHead>
      <Detail detail={session.data} />
    </div>
  );
}

function Identity({ session }: { session: SessionSummary }) {
  return (
    <>
      <code>{session.session_id}</code> in <strong>{session.app}</strong> · {dateTime(session.first_at)}
    </>
  );
}

function Detail({ detail }: { detail: SessionDetail }) {
  const { session, events, segments, tool_calls: toolCalls } = detail;
  return (
    <div className={styles.stack}>
      <Totals session={session} />
      <Segments segments={segments} />
      <Card
        title="Calls"
        note={
          detail.truncated
            ? `The first ${counted(events.length, "call")} are listed; the totals above count all ${count(session.calls)}.`
            : undefined
        }
      >
        <Calls events={events} />
      </Card>
      {toolCalls.length > 0 && (
        <Card title="Tool calls">
          <ToolCalls toolCalls={toolCalls} />
        </Card>
      )}
    </div>
  );
}

function Totals({ session }: { session: SessionSummary }) {
  const tokens = totalTokens(session.tokens);
  const length = Date.parse(session.last_at) - Date.parse(session.first_at);
  const split = `${count(session.tokens.input)} input, ${count(session.tokens.cache_read)} cache read, ${count(session.tokens.cache_creation)} cache write, ${count(session.tokens.output)} output, ${count(session.tokens.reasoning)} reasoning`;
  return (
    <dl className={styles.totals}>
      <div>
        <dt>Cost</dt>
        <dd title={exactMoney(session.cost)}>{money(session.cost)}</dd>
        {session.unpriced_calls > 0 && (
          <dd className={styles.warn}>{counted(session.unpriced_calls, "call")} unpriced</dd>
        )}
      </div>
      <div>
        <dt>Tokens</dt>
        <dd title={split}>{shortCount(tokens)}</dd>
      </div>
      <div>
        <dt>Calls</dt>
        <dd>{count(session.calls)}</dd>
      </div>
      <div>
        <dt>Tool calls</dt>
        <dd>{count(session.tool_calls)}</dd>
      </div>
      <div>
        <dt>Errors</dt>
        <dd data-bad={session.errors > 0 || undefined}>{count(session.errors)}</dd>
      </div>
      <div>
        <dt>Length</dt>
        <dd title={`${dateTime(session.first_at)} to ${dateTime(session.last_at)}`}>{duration(length)}</dd>
      </div>
    </dl>
  );
}
