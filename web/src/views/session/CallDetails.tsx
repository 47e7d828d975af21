import type { ReactNode } from "react";
import { useEventDetail } from "../../api/queries";
import type { CallEvent, EventDetail } from "../../api/types";
import { count, dateTime, duration, exactMoney } from "../../lib/format";
import table from "../../styles/table.module.css";
import { ErrorNote } from "../../ui/ErrorNote";
import { Skeleton } from "../../ui/Skeleton";
import { number, TableHead, text } from "../../ui/TableHead";
import styles from "./View.module.css";

/** Everything that is stored about one call, and how its cost came about. */
export function CallDetails({ event }: { event: CallEvent }) {
  const detail = useEventDetail(event.source_event_id, event.app);
  return (
    <div className={styles.details} data-testid="call-details">
      <section>
        <h3>Cost</h3>
        {detail.isPending && <Skeleton lines={3} label="Loading the cost lines" />}
        {detail.isError && (
          <ErrorNote
            title="The cost lines could not be loaded"
            error={detail.error}
            onRetry={() => void detail.refetch()}
          />
        )}
        {detail.data !== undefined && <CostLines detail={detail.data} />}
      </section>
      <section>
        <h3>Call</h3>
        <Facts facts={callFacts(event)} />
      </section>
      <section>
        <h3>What left the machine</h3>
        <Redactions redactions={event.redactions} />
        {event.content_excerpt === null ? (
          <p className={table.muted}>No text of this call is stored.</p>
        ) : (
          <figure>
            <figcaption className={table.muted}>Redacted excerpt, as stored</figcaption>
            <blockquote>{event.content_excerpt}</blockquote>
          </figure>
        )}
      </section>
    </div>
  );
}

function CostLines({ detail: { event, cost_lines: lines } }: { detail: EventDetail }) {
  if (event.cost === null) {
    return (
      <p>
        Unpriced{event.unpriced_reason !== null && <> ({event.unpriced_reason.replaceAll("_", " ")})</>}: no
        known price, so it isn’t counted as $0. <code>modelstat prices show</code> lists the models with one.
      </p>
    );
  }
  return (
    <>
      <table className={`${table.table} ${styles.lines}`} data-testid="cost-lines">
        <caption className="unseen">How the cost of this call came about</caption>
        <TableHead columns={[text("Class"), number("Quantity"), number("$ per million"), number("Amount")]} />
        <tbody>
          {lines.map((line) => (
            <tr key={line.class}>
              <th scope="row">{line.class.replaceAll("_", " ")}</th>
              <td className={table.number}>{count(line.quantity)}</td>
              <td className={table.number}>{exactMoney(line.rate_usd_per_million)}</td>
              <td className={table.number}>{exactMoney(line.amount)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={3}>
              Total
            </th>
            <td className={table.number}>{exactMoney(event.cost)}</td>
          </tr>
        </tfoot>
      </table>
      <Facts
        facts={[
          ["price", event.price_id],
          ["price book", event.price_book],
          ["provider says", event.reported_cost === null ? null : exactMoney(event.reported_cost)],
        ]}
      />
    </>
  );
}

function callFacts(event: CallEvent): [string, ReactNode][] {
  const git = event.git;
  return [
    ["event", <code key="event">{event.source_event_id}</code>],
    ["kind", event.kind],
    ["agent", event.agent],
    ["provider", event.provider],
    ["happened", dateTime(event.ts)],
    ["received", dateTime(event.received_at)],
    ["first token", event.first_token_ms === null ? null : duration(event.first_token_ms)],
    ["finished", event.finish_reason],
    ["turn", event.turn_index === null ? null : count(event.turn_index)],
    [
      "repository",
      git === null
        ? null
        : [git.host, git.remote_slug].filter((part) => part !== null).join("/") || null,
    ],
    ["branch", git?.branch ?? null],
    ...Object.entries(event.metadata).map(([key, value]): [string, ReactNode] => [key, value]),
  ];
}

/** Names and values; what is absent is left out. */
function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className={styles.facts}>
      {facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Redactions({ redactions }: { redactions: Record<string, number> }) {
  const rules = Object.entries(redactions);
  if (rules.length === 0) return <p className={table.muted}>Nothing had to be taken out.</p>;
  return (
    <p className={table.tags}>
      {rules.map(([rule, found]) => (
        <span key={rule} className={table.tag}>
          {count(found)} × {rule} taken out
        </span>
      ))}
    </p>
  );
}
