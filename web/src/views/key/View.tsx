import type { FormEvent } from "react";
import styles from "./View.module.css";

/** Asks for a read key, and says how to get one. */
export function AskForKey({ refusal, onKey }: { refusal: string | null; onKey(key: string): void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get("key")).trim();
    // A whole dashboard address may be pasted as well.
    const bare = key.includes("#key=") ? (key.split("#key=")[1] ?? "") : key;
    if (bare !== "") onKey(bare);
  };
  return (
    <main className={styles.page}>
      <form className={styles.form} onSubmit={submit} data-testid="key-page">
        <h1>{refusal === null ? "This dashboard needs a read key" : "The server refused this key"}</h1>
        {refusal !== null && (
          <p role="alert" className={styles.refusal}>
            {refusal}
          </p>
        )}
        <p>
          Make one with <code>modelstat keys create --scope read</code>, or restart <code>modelstat up</code>{" "}
          and open the address that it prints.
        </p>
        <label>
          Read key
          <input
            name="key"
            type="password"
            autoComplete="off"
            spellCheck={false}
            placeholder="msr_live_…"
            required
            autoFocus
          />
        </label>
        <button type="submit">Open the dashboard</button>
        <p className={styles.small}>
          The key stays in this tab: it is kept until the tab closes and sent to this server only.
        </p>
      </form>
    </main>
  );
}
