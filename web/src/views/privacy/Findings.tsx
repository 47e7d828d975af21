import type { Finding } from "../../api/types";
import { ShareBar } from "../../charts/ShareBar";
import { count } from "../../lib/format";
import table from "../../styles/table.module.css";
import styles from "./View.module.css";

const CLASS_NAMES: Record<string, string> = { secret: "secret", pii: "personal data" };

/** Findings by rule, most frequent first, secrets apart from personal data by colour and word. */
export function Findings({ findings, floorVersions }: { findings: Finding[]; floorVersions: string[] }) {
  const sorted = [...findings].sort((left, right) => right.count - left.count);
  const most = sorted[0]?.count ?? 0;
  return (
    <>
      {sorted.length === 0 ? (
        <p className={table.empty}>Nothing was found in this range.</p>
      ) : (
        <table className={styles.findings}>
          <caption className="unseen">Findings by rule</caption>
          <colgroup>
            <col className={styles.ruleColumn} />
            <col className={styles.classColumn} />
            <col />
            <col className={styles.countColumn} />
          </colgroup>
          <thead className="unseen">
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Class</th>
              <th scope="col">Bar</th>
              <th scope="col">Count</th>
            </tr>
          </thead>
          <tbody>
            {sorted.map((finding) => (
              <tr key={`${finding.class}/${finding.rule}`} data-class={finding.class}>
                <th scope="row">{finding.rule.replaceAll("_", " ")}</th>
                <td className={styles.class}>{CLASS_NAMES[finding.class] ?? finding.class}</td>
                <td className={`${styles.bar} ${finding.class === "secret" ? "series-7" : "series-0"}`}>
                  <ShareBar part={finding.count} total={most} />
                </td>
                <td className={table.number}>{count(finding.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className={styles.foot}>
        {floorVersions.length === 0
          ? "No floor version was reported."
          : `Floor ${floorVersions.length === 1 ? "version" : "versions"} in use: ${floorVersions.join(", ")}.`}{" "}
        The floor runs in the SDK, in the daemon and again on this server.
      </p>
    </>
  );
}
