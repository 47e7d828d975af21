/** Exact sums of decimal strings; money never passes through a float on its way to the page. */
import type { Money } from "../api/types";

/** Decimal places of money on the wire: one unit is a pico-dollar. */
const PLACES = 12;

/** The sum of what is priced; null when nothing is. */
export function sumMoney(amounts: Iterable<Money>): Money {
  let total: bigint | null = null;
  for (const amount of amounts) {
    const pico = amount === null ? null : picoOf(amount);
    if (pico !== null) total = (total ?? 0n) + pico;
  }
  return total === null ? null : textOf(total);
}

function picoOf(amount: string): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(amount);
  if (match === null) return null;
  const [, sign = "", whole = "0", fraction = ""] = match;
  return BigInt(`${sign}${whole}${fraction.padEnd(PLACES, "0")}`);
}

function textOf(pico: bigint): string {
  const digits = (pico < 0n ? -pico : pico).toString().padStart(PLACES + 1, "0");
  return `${pico < 0n ? "-" : ""}${digits.slice(0, -PLACES)}.${digits.slice(-PLACES)}`;
}
