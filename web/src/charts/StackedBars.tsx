import type { KeyboardEvent } from "react";
import { colourClass } from "../ui/colour";
import styles from "./charts.module.css";
import { layoutStack, type SeriesTable, type StackLayout } from "./stack";
import { useWidth } from "./useWidth";

const HEIGHT = 290;

export interface StackedBarsProps {
  table: SeriesTable;
  dimension: string | null;
  label: string;
  tick(edge: Date): string;
  axis(value: number, step: number): string;
  /** The first bucket that is still being filled, drawn lighter. */
  unfinishedFrom: number;
  selected: number | null;
  onSelect(index: number | null): void;
  onOpen?: ((index: number) => void) | undefined;
}

/** Stacked bars over time. Arrow keys walk the buckets; Enter opens one. */
export function StackedBars(props: StackedBarsProps) {
  const { table, dimension, selected, onSelect, onOpen } = props;
  const [element, width] = useWidth<HTMLDivElement>(800);
  const layout = layoutStack(table, { width, height: HEIGHT });
  const { plot } = layout;
  const seriesByKey = new Map(table.series.map((series) => [series.key, series]));
  return (
    <div
      ref={element}
      className={styles.plot}
      role="application"
      aria-label={`${props.label}. Arrow keys walk through time.`}
      tabIndex={0}
      onKeyDown={(event) => walk(event, props)}
      onBlur={() => onSelect(null)}
    >
      <svg
        width={width}
        height={HEIGHT}
        viewBox={`0 0 ${width} ${HEIGHT}`}
        role="img"
        aria-label={props.label}
        onPointerLeave={() => onSelect(null)}
      >
        <Axes layout={layout} edges={table.edges} tick={props.tick} axis={props.axis} />
        {selected !== null && layout.columns[selected] !== undefined && (
          <rect
            className={styles.cursor}
            x={layout.columns[selected].x}
            width={layout.columns[selected].width}
            y={plot.top}
            height={plot.bottom - plot.top}
            rx={3}
          />
        )}
        {layout.bars.map((bar) => (
          <rect
            key={`${bar.series}/${bar.index}`}
            data-part="bar"
            className={`${styles.bar} ${colourClass(dimension, seriesByKey.get(bar.series))} ${bar.index >= props.unfinishedFrom ? styles.unfinished : ""}`}
            x={bar.x}
            y={bar.y}
            width={bar.width}
            height={bar.height}
          />
        ))}
        {layout.columns.map((column) => (
          <rect
            key={column.index}
            className={onOpen === undefined ? styles.column : styles.openable}
            x={column.x}
            width={column.width}
            y={plot.top}
            height={plot.bottom - plot.top}
            onPointerEnter={() => onSelect(column.index)}
            onClick={() => onOpen?.(column.index)}
          />
        ))}
      </svg>
    </div>
  );
}

/** The newest bucket first, then one to the left or right. */
function walk(event: KeyboardEvent, { table, selected, onSelect, onOpen }: StackedBarsProps): void {
  const last = table.edges.length - 1;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    onSelect(selected === null ? last : Math.min(last, Math.max(0, selected + step)));
  } else if (event.key === "Escape") onSelect(null);
  else if (event.key === "Enter" && selected !== null) onOpen?.(selected);
}

interface AxesProps extends Pick<StackedBarsProps, "tick" | "axis"> {
  layout: StackLayout;
  edges: Date[];
}

function Axes({ layout: { plot, xTicks, yTicks, yStep }, edges, tick, axis }: AxesProps) {
  return (
    <>
      {yTicks.map(({ value, y }) => (
        <g key={value}>
          <line
            className={value === 0 ? styles.base : styles.grid}
            x1={plot.left}
            x2={plot.right}
            y1={y}
            y2={y}
          />
          <text className={styles.tick} x={plot.left - 10} y={y} dy="0.32em" textAnchor="end">
            {axis(value, yStep)}
          </text>
        </g>
      ))}
      {xTicks.map(({ index, x }) => (
        <text key={index} className={styles.tick} x={x} y={HEIGHT - 6} textAnchor="middle">
          {tick(edges[index] ?? new Date(0))}
        </text>
      ))}
    </>
  );
}
