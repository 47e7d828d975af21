import { useEffect, useState } from "react";
import { ago } from "../lib/format";
import styles from "./ui.module.css";

/** How old the answer on screen is; says so when the last refresh failed. */
export function Updated({ at, failed }: { at: number; failed: boolean }) {
  const now = useNow(1_000);
  if (at === 0) return <span className={styles.updated}>{failed ? "not loaded" : "loading…"}</span>;
  return (
    <span className={styles.updated} data-failed={failed || undefined}>
      updated {ago(at, now)}
      {failed && " · refresh failed"}
    </span>
  );
}

/** The time, moving on every `intervalMs`. */
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}
