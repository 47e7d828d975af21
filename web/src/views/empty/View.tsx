import type { Me } from "../../api/types";
import { Copyable } from "../../ui/Copyable";
import { curlSnippet, DEFAULT_DAEMON_URL, pythonSnippet } from "./snippets";
import styles from "./View.module.css";

/** An org without data: how to send the first call. The shell keeps asking and switches when it arrives. */
export function EmptyState({ me }: { me: Me }) {
  const daemonUrl = me.daemon_url ?? DEFAULT_DAEMON_URL;
  return (
    <div className={styles.page} data-testid="empty-state">
      <h1>Send the first call</h1>
      <p className={styles.lead}>
        The org <strong>{me.org.name}</strong> has no data yet. Record one call with either of these; this
        page turns into the dashboard by itself.
      </p>
      <p className={styles.waiting} role="status">
        Waiting for the first call…
      </p>
      <div className={styles.ways}>
        <section>
          <h2>From Python</h2>
          <Copyable label="Install" code="pip install modelstat-sdk" />
          <Copyable label="first_call.py" code={pythonSnippet(daemonUrl)} />
        </section>
        <section>
          <h2>From a shell</h2>
          <Copyable label="curl" code={curlSnippet(daemonUrl)} />
        </section>
      </div>
      <p className={styles.where}>
        Your ingest key starts with <code>msk_live_</code>; <code>modelstat up</code> printed it at its first
        start, and <code>modelstat keys create --scope ingest</code> makes another. Calls go to the daemon on
        your machine at <code>{daemonUrl}</code>: it takes out secrets and personal data, writes an abstract
        and ships that with the numbers. The prompt stays where it is. If nothing arrives, run{" "}
        <code>modelstat status</code>.
      </p>
    </div>
  );
}
