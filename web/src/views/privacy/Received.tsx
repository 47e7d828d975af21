import type { Producer } from "../../api/types";
import { bytes, count, dateTime, shortDateTime } from "../../lib/format";
import table from "../../styles/table.module.css";
import { Dot } from "../../ui/Dot";
import { number, TableHead, text } from "../../ui/TableHead";

/** One line per producer, app and device. */
export function Received({ producers }: { producers: Producer[] }) {
  if (producers.length === 0) return <p className={table.empty}>Nothing arrived in this range.</p>;
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <caption className="unseen">What each producer sent</caption>
        <TableHead
          columns={[
            text("Producer"),
            text("App"),
            text("Device"),
            number("Requests"),
            number("Events"),
            number("Size"),
            number("Abstracts"),
            number("Titles"),
            number("Excerpts"),
            number("Last request"),
          ]}
        />
        <tbody>
          {producers.map((producer) => (
            <tr key={`${producer.producer}/${producer.app}/${producer.device_id}`}>
              <th scope="row">{producer.producer}</th>
              <td>
                <Dot dimension="app" value={producer.app} />
              </td>
              <td className={table.muted}>
                <code>{producer.device_id}</code>
              </td>
              <td className={table.number}>{count(producer.requests)}</td>
              <td className={table.number}>{count(producer.events)}</td>
              <td className={table.number} title={`${count(producer.bytes)} bytes`}>
                {bytes(producer.bytes)}
              </td>
              <td className={table.number}>{count(producer.abstracts)}</td>
              <td className={table.number}>{count(producer.titles)}</td>
              <td className={`${table.number} ${producer.excerpts > 0 ? table.warn : ""}`}>
                {count(producer.excerpts)}
              </td>
              <td className={table.number} title={dateTime(producer.last_at)}>
                {shortDateTime(producer.last_at)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
