import type { ReportedCounters } from "../../api/types";
import { ShareBar } from "../../charts/ShareBar";
import { completeness, count } from "../../lib/format";
import table from "../../styles/table.module.css";
import { number, TableHead, text } from "../../ui/TableHead";
import styles from "./View.module.css";

interface Balance {
  recorded: number;
  sent: number;
  dropped: number;
  /** Recorded but neither sent nor dropped yet. */
  waiting: number;
}

/** The balance of a producer's own counters. */
export function balanceOf(counters: Pick<ReportedCounters, "recorded" | "sent" | "dropped">): Balance {
  const dropped = Object.values(counters.dropped).reduce((sum, entry) => sum + entry, 0);
  return {
    recorded: counters.recorded,
    sent: counters.sent,
    dropped,
    waiting: Math.max(0, counters.recorded - counters.sent - dropped),
  };
}

const COLUMNS = [
  text("Process"),
  text("App"),
  number("Recorded"),
  number("Sent"),
  number("Waiting"),
  number("Dropped"),
  text("Why"),
  number("Complete"),
];

/** What each process recorded against what it could send. */
export function Reported({ reported }: { reported: ReportedCounters[] }) {
  if (reported.length === 0) {
    const none = "No producer has shipped counters yet; SDKs of version 0.2 and newer do.";
    return <p className={table.empty}>{none}</p>;
  }
  return (
    <>
      <Completeness balances={reported.map(balanceOf)} />
      <div className={table.scroll}>
        <table className={table.table}>
          <caption className="unseen">Counters by process</caption>
          <TableHead columns={COLUMNS} />
          <tbody>
            {reported.map((counters) => (
              <ProcessRow key={`${counters.instance_id}/${counters.app}`} counters={counters} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** All processes together, in one number that only a full account makes 100 %. */
function Completeness({ balances }: { balances: Balance[] }) {
  const sum = (field: keyof Balance) => balances.reduce((total, balance) => total + balance[field], 0);
  const [recorded, sent, dropped, waiting] = [sum("recorded"), sum("sent"), sum("dropped"), sum("waiting")];
  return (
    <div className={styles.complete} data-testid="privacy-completeness">
      <strong>{completeness(sent, recorded)} complete</strong>
      <ShareBar part={sent} total={recorded} />
      <p>
        {count(sent)} of {count(recorded)} recorded calls were sent; {count(dropped)} were dropped,{" "}
        {count(waiting)} are still waiting.
      </p>
    </div>
  );
}

function ProcessRow({ counters }: { counters: ReportedCounters }) {
  const balance = balanceOf(counters);
  const reasons = Object.entries(counters.dropped).filter(([, lost]) => lost > 0);
  return (
    <tr>
      <th scope="row">
        <code>{counters.instance_id}</code>
      </th>
      <td>{counters.app}</td>
      <td className={table.number}>{count(balance.recorded)}</td>
      <td className={table.number}>{count(balance.sent)}</td>
      <td className={table.number}>{count(balance.waiting)}</td>
      <td className={`${table.number} ${balance.dropped > 0 ? table.bad : ""}`}>{count(balance.dropped)}</td>
      <td>{reasons.map(([reason, lost]) => `${reason.replaceAll("_", " ")} ${count(lost)}`).join(", ")}</td>
      <td className={table.number}>{completeness(balance.sent, balance.recorded)}</td>
    </tr>
  );
}
