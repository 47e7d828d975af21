import { useDevices } from "../../api/queries";
import type { Device } from "../../api/types";
import { count, dateTime, shortDateTime } from "../../lib/format";
import table from "../../styles/table.module.css";
import { Card } from "../../ui/Card";
import { ErrorNote } from "../../ui/ErrorNote";
import { Skeleton } from "../../ui/Skeleton";
import { number, TableHead, text } from "../../ui/TableHead";

/** The daemons that registered with this server and were claimed for the reader's org. */
export function RegisteredDevices() {
  const answer = useDevices();
  return (
    <Card
      title="Registered devices"
      testId="privacy-devices"
      note="Daemons that send with a secret of their own. They tell a random id, their version and platform, and how much waits; a machine's name only where somebody asked for it."
    >
      {answer.isPending && <Skeleton lines={3} label="Loading the devices" />}
      {answer.isError && answer.data === undefined && (
        <ErrorNote
          title="The devices could not be loaded"
          error={answer.error}
          onRetry={() => void answer.refetch()}
        />
      )}
      {answer.data !== undefined && <Devices devices={answer.data.devices} />}
    </Card>
  );
}

const COLUMNS = [
  text("Device"),
  text("State"),
  text("Platform"),
  text("Version"),
  number("Waiting"),
  number("Last event"),
  number("Last seen"),
];

/** One line per device, those heard of last first. */
export function Devices({ devices }: { devices: Device[] }) {
  if (devices.length === 0) {
    return (
      <p className={table.empty}>
        None yet. <code>modelstat daemon --register</code> registers a machine,{" "}
        <code>modelstat devices claim</code> beside this server lets it send.
      </p>
    );
  }
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <caption className="unseen">Devices and what they said last</caption>
        <TableHead columns={COLUMNS} />
        <tbody>
          {devices.map((device) => (
            <tr key={device.device_id}>
              <th scope="row">
                <code>{device.device_id}</code>
                {device.hostname !== null && <div className={table.muted}>{device.hostname}</div>}
              </th>
              <td className={isSilent(device) ? table.warn : undefined}>{stateOf(device)}</td>
              <td className={table.muted}>
                <code>{platformOf(device)}</code>
              </td>
              <td className={table.muted}>{device.daemon_version ?? "–"}</td>
              <td className={table.number}>{count(device.queue_size)}</td>
              <Moment at={device.last_event_at} />
              <Moment at={device.last_seen_at} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Moment({ at }: { at: string | null }) {
  if (at === null) return <td className={table.number}>–</td>;
  return (
    <td className={table.number} title={dateTime(at)}>
      {shortDateTime(at)}
    </td>
  );
}

function stateOf(device: Device): string {
  return device.state === "revoked" ? "revoked" : (device.activity ?? "not heard of yet");
}

/** Whether somebody should look after it: it is to send, and says nothing. */
function isSilent(device: Device): boolean {
  return device.state === "claimed" && device.activity === "offline";
}

function platformOf(device: Device): string {
  const known = [device.os_family, device.os_version, device.arch].filter((part) => part !== null);
  return known.length === 0 ? "–" : known.join(" ");
}
