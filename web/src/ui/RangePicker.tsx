import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { days } from "../lib/format";
import { rangeOf } from "../lib/search";
import { isoDay, RANGES, timeZone, windowOf } from "../lib/time";
import styles from "./ui.module.css";

const NAMES = { "24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d" } as const;

/** Chooses the range of every page; the choice lives in the address. */
export function RangePicker() {
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const choice = rangeOf(search);
  const [editing, setEditing] = useState(false);
  const window = windowOf(choice, new Date());
  const apply = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [from = "", to = ""] = [String(form.get("from")), String(form.get("to"))].sort();
    setEditing(false);
    void navigate({ to: ".", search: (previous) => ({ ...previous, range: "custom", from, to }) });
  };
  return (
    <div className={styles.range} role="group" aria-label="Date range">
      <div className={styles.segmented}>
        {RANGES.filter((range) => range !== "custom").map((range) => (
          <Link
            key={range}
            to="."
            search={(previous) => ({ ...previous, range, from: undefined, to: undefined })}
            data-chosen={choice.range === range || undefined}
            aria-current={choice.range === range ? "true" : undefined}
            activeOptions={{ exact: true }}
            activeProps={{}}
            onClick={() => setEditing(false)}
          >
            {NAMES[range]}
          </Link>
        ))}
        <button
          type="button"
          data-chosen={choice.range === "custom" || undefined}
          aria-expanded={editing}
          onClick={() => setEditing(!editing)}
          title={`Times in ${timeZone()}`}
        >
          {choice.range === "custom" ? days(window.from, window.to) : "Custom"}
        </button>
      </div>
      {editing && (
        <form className={styles.popover} onSubmit={apply}>
          <label>
            From
            <input type="date" name="from" required defaultValue={isoDay(window.from)} autoFocus />
          </label>
          <label>
            To
            <input type="date" name="to" required defaultValue={isoDay(new Date(window.to.getTime() - 1))} />
          </label>
          <p>Both days included, times in {timeZone()}.</p>
          <button type="submit" className={styles.primary}>
            Apply
          </button>
        </form>
      )}
    </div>
  );
}
