import type { Segment } from "../../api/types";
import { fallbackWords } from "../../lib/fallback";
import { counted, dateTime, duration, timeOfDay } from "../../lib/format";
import table from "../../styles/table.module.css";
import { Card } from "../../ui/Card";
import styles from "./View.module.css";

/** What happened, in the abstracts that were written on the machine where it happened. */
export function Segments({ segments }: { segments: Segment[] }) {
  return (
    <Card title="What happened" testId="session-segments">
      {segments.length === 0 ? (
        <p className={table.empty}>
          No abstract yet. One is written when a quarter of an hour passes without a call, or when the session
          has a hundred turns.
        </p>
      ) : (
        <ol className={styles.segments}>
          {segments.map((segment) => (
            <li key={`${segment.segment_id}/${segment.generation ?? ""}`}>
              <time
                dateTime={segment.started_at}
                title={`${dateTime(segment.started_at)} to ${dateTime(segment.ended_at)}`}
              >
                {timeOfDay(segment.started_at)}
              </time>
              <div>
                {segment.title !== null && <h3>{segment.title}</h3>}
                <p>{segment.abstract}</p>
                <p className={styles.about}>
                  {segment.work_type !== null && <span className={table.tag}>{segment.work_type}</span>}
                  {segment.tags.map((tag) => (
                    <span key={tag} className={table.tag}>
                      {tag}
                    </span>
                  ))}
                  <span>{counted(segment.turns, "turn")}</span>
                  <span>{duration(Date.parse(segment.ended_at) - Date.parse(segment.started_at))}</span>
                  {segment.engine !== null && (
                    <span title={making(segment)}>
                      written by {segment.engine} {segment.engine_version}
                    </span>
                  )}
                  {segment.fallback_reason !== null && <span>{fallbackWords(segment.fallback_reason)}</span>}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

/** What is known of how an abstract was written, for who wants to write it again. */
function making(segment: Segment): string | undefined {
  const parts = [
    segment.engine_version !== null && `version ${segment.engine_version}`,
    segment.prompt_version !== null && `prompt ${segment.prompt_version}`,
    segment.model_sha256 !== null && `model sha256 ${segment.model_sha256}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? undefined : parts.join(", ");
}
