import type { ToolCall } from "../../api/types";
import { bytes, dateTime, duration, timeOfDay } from "../../lib/format";
import table from "../../styles/table.module.css";
import { number, TableHead, text } from "../../ui/TableHead";

/** The tools that the calls used, without their arguments: sizes only. */
export function ToolCalls({ toolCalls }: { toolCalls: ToolCall[] }) {
  return (
    <div className={table.scroll}>
      <table className={table.table}>
        <caption className="unseen">Tool calls of this session, oldest first</caption>
        <TableHead
          columns={[
            text("Time"),
            text("Tool"),
            text("Server"),
            text("Status"),
            number("Took"),
            number("Arguments"),
            number("Result"),
            text("Commands"),
          ]}
        />
        <tbody>
          {toolCalls.map((call) => (
            <tr key={call.external_call_id}>
              <td title={dateTime(call.started_at)}>{timeOfDay(call.started_at)}</td>
              <th scope="row">{call.name}</th>
              <td className={table.muted}>{call.server}</td>
              <td className={call.status === "success" ? table.muted : table.bad}>{call.status}</td>
              <td className={table.number}>
                {duration(
                  call.ended_at === null ? null : Date.parse(call.ended_at) - Date.parse(call.started_at),
                )}
              </td>
              <td className={table.number}>{bytes(call.args_bytes)}</td>
              <td className={table.number}>{bytes(call.result_bytes)}</td>
              <td>
                <span className={table.tags}>
                  {call.command_families.map((family) => (
                    <span key={family} className={table.tag}>
                      {family}
                    </span>
                  ))}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
