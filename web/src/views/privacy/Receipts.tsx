import type { ReceiptSummary } from "../../api/types";
import { count, counted, dateTime, shortDateTime } from "../../lib/format";
import table from "../../styles/table.module.css";
import { number, TableHead, text } from "../../ui/TableHead";
import styles from "./View.module.css";

const REASONS: Record<string, string> = {
  unreadable: "cannot be read",
  signature: "not signed by the key that it names",
  payload: "about another body",
  too_many_devices: "of more devices than are kept",
};

const COLUMNS = [
  text("Device key"),
  text("Device"),
  number("Receipts"),
  number("Newest record"),
  number("First seen"),
  number("Last seen"),
];

/** Signed receipts by device, and those that prove nothing. */
export function Receipts({ receipts }: { receipts: ReceiptSummary }) {
  const invalid = Object.entries(receipts.invalid);
  if (receipts.devices.length === 0 && invalid.length === 0) {
    const none = "No daemon has signed what it sent yet; daemons of version 0.2 and newer do.";
    return <p className={table.empty}>{none}</p>;
  }
  return (
    <>
      <div className={table.scroll}>
        <table className={table.table}>
          <caption className="unseen">Receipts by device</caption>
          <TableHead columns={COLUMNS} />
          <tbody>
            {receipts.devices.map((device) => (
              <tr key={device.device}>
                <th scope="row">
                  <code>{device.device}</code>
                </th>
                <td>{device.device_id === null ? "not registered" : <code>{device.device_id}</code>}</td>
                <td className={table.number}>{count(device.receipts)}</td>
                <td className={table.number}>{count(device.newest_number)}</td>
                <td className={table.number} title={dateTime(device.first_at)}>
                  {shortDateTime(device.first_at)}
                </td>
                <td className={table.number} title={dateTime(device.last_at)}>
                  {shortDateTime(device.last_at)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {invalid.map(([reason, found]) => (
        <p key={reason} className={styles.foot}>
          <span className={table.bad}>
            Not valid: {counted(found, "receipt")} ({REASONS[reason] ?? reason.replaceAll("_", " ")}).
          </span>{" "}
          What came with it was taken all the same.
        </p>
      ))}
      <p className={styles.foot}>
        {counted(receipts.valid, "valid receipt")} from {counted(receipts.known_devices, "device")} since the
        first one. On a device, <code>modelstat egress verify --server</code> compares them with its own
        record.
      </p>
    </>
  );
}
