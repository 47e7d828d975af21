import type { ReactNode } from "react";
import type { Answered } from "../../api/queries";
import type { Cell, Measure, Totals } from "../../api/types";
import { Sparkline } from "../../charts/Sparkline";
import { seriesOf } from "../../charts/stack";
import { deltaOf, numberOf } from "../../lib/delta";
import { count, counted, duration, exactMoney, money, NOTHING, share, shortCount } from "../../lib/format";
import { bucketEdges } from "../../lib/time";
import { DeltaBadge, type Sense } from "../../ui/DeltaBadge";
import { amountOf, countOf } from "./metric";
import styles from "./Tiles.module.css";

interface Tile {
  testId: string;
  name: string;
  measure: Measure;
  sense: Sense;
  text(cell: Cell | undefined): string;
  exact(cell: Cell | undefined): string;
  below(totals: Totals): ReactNode;
}

const TILES: Tile[] = [
  {
    testId: "stat-spend",
    name: "Spend",
    measure: "cost",
    sense: "neutral",
    text: (cell) => money(amountOf(cell)),
    exact: (cell) => exactMoney(amountOf(cell)),
    below: unpriced,
  },
  {
    testId: "stat-tokens",
    name: "Tokens",
    measure: "tokens.total",
    sense: "neutral",
    text: (cell) => shortCount(countOf(cell)),
    exact: (cell) => count(countOf(cell)),
    below: cacheShare,
  },
  {
    testId: "stat-calls",
    name: "Calls",
    measure: "calls",
    sense: "neutral",
    text: (cell) => shortCount(countOf(cell)),
    exact: (cell) => count(countOf(cell)),
    below: costPerCall,
  },
  {
    testId: "stat-sessions",
    name: "Sessions",
    measure: "sessions",
    sense: "neutral",
    text: (cell) => shortCount(countOf(cell)),
    exact: (cell) => count(countOf(cell)),
    below: callsPerSession,
  },
  {
    testId: "stat-errors",
    name: "Errors",
    measure: "errors",
    sense: "more-is-bad",
    text: (cell) => shortCount(countOf(cell)),
    exact: (cell) => count(countOf(cell)),
    below: errorShare,
  },
  {
    testId: "stat-latency",
    name: "Latency p95",
    measure: "latency_ms.p95",
    sense: "more-is-bad",
    text: (cell) => duration(countOf(cell)),
    exact: (cell) => `${count(countOf(cell))} ms`,
    below: medianLatency,
  },
];

/** The six numbers that matter, each against the period just before. */
export function Tiles({ answered, hasFailed }: { answered: Answered | undefined; hasFailed: boolean }) {
  return (
    <dl className={styles.tiles} aria-busy={answered === undefined && !hasFailed}>
      {TILES.map((tile) => (
        <StatTile key={tile.testId} tile={tile} answered={answered} hasFailed={hasFailed} />
      ))}
    </dl>
  );
}

interface StatTileProps {
  tile: Tile;
  answered: Answered | undefined;
  hasFailed: boolean;
}

function StatTile({ tile, answered, hasFailed }: StatTileProps) {
  if (answered === undefined) {
    return (
      <div className={styles.tile} data-testid={tile.testId}>
        <dt>{tile.name}</dt>
        {hasFailed ? (
          <dd className={styles.value}>{NOTHING}</dd>
        ) : (
          <dd className={styles.waiting}>
            <span className="unseen">loading</span>
          </dd>
        )}
      </div>
    );
  }
  const { answer, window } = answered;
  const current = answer.totals[tile.measure];
  const before = answer.previous?.totals[tile.measure];
  const shape = seriesOf(answer, null, tile.measure, bucketEdges(window)).series[0]?.cells ?? [];
  return (
    <div className={styles.tile} data-testid={tile.testId}>
      <dt>{tile.name}</dt>
      <dd className={styles.value} title={tile.exact(current)}>
        {tile.text(current)}
      </dd>
      <dd className={styles.against}>
        <DeltaBadge
          change={deltaOf(numberOf(current), numberOf(before))}
          sense={tile.sense}
          previous={`then ${tile.text(before)}`}
        />
        <Sparkline values={shape.map(numberOf)} />
      </dd>
      <dd className={styles.below}>{tile.below(answer.totals)}</dd>
    </div>
  );
}

function unpriced(totals: Totals): ReactNode {
  const calls = countOf(totals.unpriced_calls) ?? 0;
  if (calls === 0) return "every call is priced";
  return (
    <details className={styles.unpriced}>
      <summary>{counted(calls, "unpriced call")}</summary>
      <p>
        {calls === 1 ? "One call has" : `${count(calls)} calls have`} no known price;{" "}
        {calls === 1 ? "it isn’t" : "they aren’t"} counted as $0. <code>modelstat prices show</code> lists the
        models with a known price.
      </p>
    </details>
  );
}

function cacheShare(totals: Totals): ReactNode {
  const cached = countOf(totals["tokens.cache_read"]) ?? 0;
  const read =
    cached + (countOf(totals["tokens.input"]) ?? 0) + (countOf(totals["tokens.cache_creation"]) ?? 0);
  return read === 0 ? "no input" : `${share(cached, read)} of input cached`;
}

function costPerCall(totals: Totals): ReactNode {
  const cost = numberOf(totals.cost);
  const priced = (countOf(totals.calls) ?? 0) - (countOf(totals.unpriced_calls) ?? 0);
  return cost === null || priced <= 0 ? "none priced" : `${money(String(cost / priced))} each`;
}

function callsPerSession(totals: Totals): ReactNode {
  const sessions = countOf(totals.sessions) ?? 0;
  const calls = countOf(totals.calls) ?? 0;
  return sessions === 0 ? "none" : `${shortCount(Math.round((calls / sessions) * 10) / 10)} calls each`;
}

function errorShare(totals: Totals): ReactNode {
  const calls = countOf(totals.calls) ?? 0;
  const errors = countOf(totals.errors) ?? 0;
  return calls === 0 ? "no calls" : errors === 0 ? "no call failed" : `${share(errors, calls)} of calls`;
}

function medianLatency(totals: Totals): ReactNode {
  return `median ${duration(countOf(totals["latency_ms.p50"]))}`;
}
