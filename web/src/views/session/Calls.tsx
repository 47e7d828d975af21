import { Fragment, useState } from "react";
import type { CallEvent } from "../../api/types";
import {
  count,
  dateTime,
  duration,
  exactMoney,
  money,
  NOTHING,
  shortCount,
  timeOfDay,
} from "../../lib/format";
import { totalTokens } from "../../lib/tokens";
import table from "../../styles/table.module.css";
import { Dot } from "../../ui/Dot";
import { number, TableHead, text } from "../../ui/TableHead";
import { CallDetails } from "./CallDetails";
import { LatencyBar } from "./LatencyBar";
import styles from "./View.module.css";

const COLUMNS = 8;

/** Every call in order, each of which opens to its details. */
export function Calls({ events }: { events: CallEvent[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const longest = Math.max(1, ...events.map((event) => event.duration_ms ?? 0));
  const toggle = (id: string) =>
    setOpen((previous) => {
      const next = new Set(previous);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  if (events.length === 0) return <p className={table.empty}>No call of this session is stored.</p>;
  return (
    <div className={table.scroll}>
      <table className={`${table.table} ${styles.calls}`}>
        <caption className="unseen">Calls of this session, oldest first</caption>
        <TableHead
          columns={[
            text("Time"),
            text("Model"),
            number("Input"),
            number("Cached"),
            number("Output"),
            number("Cost"),
            text("Latency"),
            text("Result and tags"),
          ]}
        />
        <tbody>
          {events.map((event) => {
            const isOpen = open.has(event.source_event_id);
            return (
              <Fragment key={event.source_event_id}>
                <CallRow
                  event={event}
                  longest={longest}
                  isOpen={isOpen}
                  onToggle={() => toggle(event.source_event_id)}
                />
                {isOpen && (
                  <tr id={`details-${event.source_event_id}`} className={styles.detailsRow}>
                    <td colSpan={COLUMNS}>
                      <CallDetails event={event} />
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface CallRowProps {
  event: CallEvent;
  longest: number;
  isOpen: boolean;
  onToggle(): void;
}

function CallRow({ event, longest, isOpen, onToggle }: CallRowProps) {
  const { tokens } = event;
  const known = (value: number) => (event.usage_known ? shortCount(value) : NOTHING);
  return (
    <tr
      className={styles.call}
      data-testid="call-row"
      data-event={event.source_event_id}
      data-failed={event.error !== null || undefined}
    >
      <th scope="row">
        <button
          type="button"
          aria-expanded={isOpen}
          aria-controls={`details-${event.source_event_id}`}
          onClick={onToggle}
          title={dateTime(event.ts)}
        >
          {timeOfDay(event.ts)}
        </button>
      </th>
      <td>
        {event.model === null ? (
          <span className={table.muted}>{event.kind}</span>
        ) : (
          <Dot dimension="model" value={event.model} />
        )}
      </td>
      <td
        className={table.number}
        title={
          event.usage_known ? `${count(totalTokens(tokens))} tokens in all` : "the provider reported no usage"
        }
      >
        {known(tokens.input)}
      </td>
      <td
        className={table.number}
        title={`${count(tokens.cache_read)} read, ${count(tokens.cache_creation)} written`}
      >
        {known(tokens.cache_read + tokens.cache_creation)}
      </td>
      <td
        className={table.number}
        title={`${count(tokens.output)} output, ${count(tokens.reasoning)} reasoning`}
      >
        {known(tokens.output + tokens.reasoning)}
      </td>
      <td className={table.number} title={exactMoney(event.cost)}>
        {event.cost === null ? <span className={table.warn}>unpriced</span> : money(event.cost)}
      </td>
      <td className={styles.latency}>
        <LatencyBar durationMs={event.duration_ms} firstTokenMs={event.first_token_ms} longestMs={longest} />
        <span>{duration(event.duration_ms)}</span>
      </td>
      <td>
        <Tags event={event} />
      </td>
    </tr>
  );
}

/** What stands out about a call: its failure, its flags, and what it was tagged with. */
function Tags({ event }: { event: CallEvent }) {
  return (
    <div className={table.tags}>
      {event.error !== null && (
        <span className={styles.failure}>
          {event.error.type}
          {event.error.status !== null && ` ${event.error.status}`}
        </span>
      )}
      {event.flags.map((flag) => (
        <span key={flag} className={`${table.tag} ${table.warn}`}>
          {flag}
        </span>
      ))}
      {Object.entries(event.metadata).map(([key, value]) => (
        <span key={key} className={table.tag} title={`${key}: ${value}`}>
          {key}: {value}
        </span>
      ))}
    </div>
  );
}
