import { Link } from "@tanstack/react-router";
import type { SessionSummary } from "../../api/types";
import { ago, count, counted, dateTime, exactMoney, money, NOTHING, shortCount } from "../../lib/format";
import { totalTokens } from "../../lib/tokens";
import table from "../../styles/table.module.css";
import { Dot } from "../../ui/Dot";
import { number, TableHead, text } from "../../ui/TableHead";
import styles from "./View.module.css";

export function SessionsTable({ sessions, now }: { sessions: SessionSummary[]; now: number }) {
  return (
    <div className={table.scroll}>
      <table className={`${table.table} ${styles.sessions}`} data-testid="sessions-table">
        <caption className="unseen">Sessions, newest activity first</caption>
        <TableHead
          columns={[
            text("Session"),
            text("App"),
            text("Models"),
            number("Calls"),
            number("Tokens"),
            number("Cost"),
            number("Errors"),
            number("Last activity"),
          ]}
        />
        <tbody>
          {sessions.map((session) => (
            <SessionRow key={`${session.app}/${session.session_id}`} session={session} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SessionRow({ session, now }: { session: SessionSummary; now: number }) {
  const tokens = totalTokens(session.tokens);
  return (
    <tr className={styles.row} data-testid="session-row" data-session={session.session_id}>
      <th scope="row" className={styles.what}>
        <Link
          to="/sessions/$sessionId"
          params={{ sessionId: session.session_id }}
          search={(previous) => ({ ...previous, app: session.app, q: undefined })}
        >
          {session.title ?? session.session_id}
        </Link>
        <p>{session.abstract ?? (session.title === null ? "no abstract" : session.session_id)}</p>
      </th>
      <td>
        <Dot dimension="app" value={session.app} />
      </td>
      <td>
        <Models models={session.models} />
      </td>
      <td className={table.number}>{count(session.calls)}</td>
      <td className={table.number} title={count(tokens)}>
        {shortCount(tokens)}
      </td>
      <td className={table.number} title={exactMoney(session.cost)}>
        {session.cost === null && session.unpriced_calls > 0 ? (
          <span className={table.warn}>unpriced</span>
        ) : (
          money(session.cost)
        )}
        {session.cost !== null && session.unpriced_calls > 0 && (
          <p
            className={styles.second}
            title={`${counted(session.unpriced_calls, "call")} without a known price, not counted as $0`}
          >
            {count(session.unpriced_calls)} unpriced
          </p>
        )}
      </td>
      <td className={table.number}>
        {session.errors > 0 ? (
          <span className={table.bad}>{count(session.errors)}</span>
        ) : (
          <span className={table.muted}>{NOTHING}</span>
        )}
      </td>
      <td className={table.number} title={dateTime(session.last_at)}>
        {ago(session.last_at, now)}
      </td>
    </tr>
  );
}

/** The first models by name, the rest as a number. */
function Models({ models }: { models: string[] }) {
  const [first, ...more] = models;
  if (first === undefined) return <span className={table.muted}>{NOTHING}</span>;
  return (
    <span title={models.join(", ")}>
      <Dot dimension="model" value={first} />
      {more.length > 0 && <span className={table.muted}> +{more.length}</span>}
    </span>
  );
}
