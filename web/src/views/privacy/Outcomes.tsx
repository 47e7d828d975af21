import type { OutcomeCount } from "../../api/types";
import { count, share } from "../../lib/format";
import table from "../../styles/table.module.css";
import { number, TableHead, text } from "../../ui/TableHead";
import styles from "./View.module.css";

const MEANINGS: Record<string, string> = {
  accepted: "stored once, counted once",
  duplicate: "sent again after a doubtful answer; the first copy counts",
  id_conflict: "another event had the same id; both are kept",
  rejected: "could not be read as an event",
  dropped: "given up by the producer or by this server",
  expired: "older than the limit that an operator set",
};

/** The outcome of every event, with the reason where there is one. */
export function Outcomes({ outcomes }: { outcomes: OutcomeCount[] }) {
  const total = outcomes.reduce((sum, outcome) => sum + outcome.count, 0);
  if (outcomes.length === 0) return <p className={table.empty}>No event reached an outcome in this range.</p>;
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <caption className="unseen">Events by outcome and reason</caption>
        <TableHead
          columns={[
            text("Outcome"),
            text("What it means"),
            text("Reason"),
            number("Events"),
            number("Share"),
          ]}
        />
        <tbody>
          {outcomes.map((outcome) => (
            <tr
              key={`${outcome.outcome}/${outcome.reason ?? ""}`}
              className={outcome.count === 0 ? styles.zero : ""}
            >
              <th scope="row">
                <span
                  className={styles.outcome}
                  data-outcome={outcome.count === 0 ? undefined : outcome.outcome}
                >
                  {outcome.outcome.replaceAll("_", " ")}
                </span>
              </th>
              <td className={table.muted}>{MEANINGS[outcome.outcome] ?? ""}</td>
              <td>{outcome.reason === null ? "" : <code>{outcome.reason}</code>}</td>
              <td className={table.number}>{count(outcome.count)}</td>
              <td className={table.number}>{outcome.count === 0 ? "" : share(outcome.count, total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
