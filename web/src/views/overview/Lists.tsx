import type { Filter } from "../../api/types";
import type { Metric, OverviewSearch } from "../../lib/search";
import { Skeleton } from "../../ui/Skeleton";
import ui from "../../ui/ui.module.css";
import type { OverviewAnswers } from "./answers";
import { TopList } from "./TopList";
import styles from "./View.module.css";

interface ListsProps {
  answers: OverviewAnswers;
  metric: Metric;
  onChange(next: Partial<OverviewSearch>): void;
  onChoose(dimension: string, value: string | null, op: Filter["op"]): void;
}

/** Who the spend went to: four rankings, two of which can be switched. */
export function Lists({ answers, metric, onChange, onChoose }: ListsProps) {
  const { who, key, dimensions } = answers;
  const shared = { metric, onChoose };
  return (
    <div className={styles.lists}>
      <TopList
        {...shared}
        testId="top-models"
        title="Models"
        dimension="model"
        {...stateOf(answers.models)}
      />
      <TopList {...shared} testId="top-apps" title="Apps" dimension="app" {...stateOf(answers.apps)} />
      <TopList
        {...shared}
        testId="top-agents"
        title={who === "agent" ? "Agents" : "Providers"}
        dimension={who}
        {...stateOf(answers.callers)}
        aside={
          <Switch
            label="What to rank"
            value={who}
            options={["agent", "provider"]}
            onChange={(next) => onChange({ who: next === "provider" ? "provider" : undefined })}
          />
        }
      />
      {key === undefined ? (
        <NoMetadata isLoading={dimensions.isPending} />
      ) : (
        <TopList
          {...shared}
          testId="top-metadata"
          title={`By ${key}`}
          dimension={`metadata.${key}`}
          {...stateOf(answers.tagged)}
          aside={
            <Switch
              label="Metadata key"
              value={key}
              options={[...new Set([...(dimensions.data?.metadata_keys ?? []), key])]}
              onChange={(next) => onChange({ key: next })}
            />
          }
        />
      )}
    </div>
  );
}

function stateOf(query: OverviewAnswers["models"]) {
  return { answered: query.data, hasFailed: query.isError };
}

interface SwitchProps {
  label: string;
  value: string;
  options: string[];
  onChange(value: string): void;
}

function Switch({ label, value, options, onChange }: SwitchProps) {
  return (
    <select
      className={ui.select}
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    >
      {options.map((option) => (
        <option key={option}>{option}</option>
      ))}
    </select>
  );
}

function NoMetadata({ isLoading }: { isLoading: boolean }) {
  if (isLoading) return <Skeleton lines={6} label="Loading" />;
  return (
    <section className={styles.teach}>
      <h2>By feature, customer, team…</h2>
      <p>
        Tag a call and its spend shows up here: <code>{'.with_metadata({"feature": "search"})'}</code> in
        Python, <code>metadata</code> on the wire.
      </p>
    </section>
  );
}
