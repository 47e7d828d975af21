import styles from "./View.module.css";

/** How long a call took beside the longest one; the part before the first token is lighter. */
export function LatencyBar({
  durationMs,
  firstTokenMs,
  longestMs,
}: {
  durationMs: number | null;
  firstTokenMs: number | null;
  longestMs: number;
}) {
  const percent = (ms: number | null) => `${Math.min(100, ((ms ?? 0) / longestMs) * 100).toFixed(2)}%`;
  return (
    <svg className={styles.latencyBar} width="72" height="6" aria-hidden="true">
      <rect width="100%" height="6" rx="3" data-part="track" />
      <rect width={percent(durationMs)} height="6" rx="3" />
      <rect width={percent(firstTokenMs)} height="6" rx="3" data-part="first" />
    </svg>
  );
}
