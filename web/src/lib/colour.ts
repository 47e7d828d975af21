/** The same value has the same colour everywhere: a hash picks the slot, a neighbour takes it when it is in use. */

/** Colours in the palette; `tokens.css` defines `--series-0` to `--series-11`. */
export const PALETTE_SIZE = 12;

const STORAGE_KEY = "modelstat.colours";

type Slots = (string | null)[];

/**
 * Hands out palette slots per dimension and keeps them across pages and reloads.
 *
 * Twelve colours can't serve every value by hash alone: eight values collide in nineteen
 * charts of twenty. So a value keeps its hashed slot when it is free, otherwise the next
 * free one; values that this page has not shown give way first.
 */
export class Palette {
  readonly #tables = new Map<string, Slots>();
  readonly #shown = new Set<string>();

  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem"> | null) {
    for (const [dimension, slots] of Object.entries(load(storage))) this.#tables.set(dimension, slots);
  }

  /** The slot, 0 to 11, of a value. */
  slotOf(dimension: string, value: string): number {
    const slots = this.#slotsOf(dimension);
    const shownKey = (entry: string) => `${dimension}\u001f${entry}`;
    const known = slots.indexOf(value);
    this.#shown.add(shownKey(value));
    if (known >= 0) return known;
    const start = hash(value) % PALETTE_SIZE;
    const order = Array.from({ length: PALETTE_SIZE }, (_, step) => (start + step) % PALETTE_SIZE);
    const free = order.find((slot) => slots[slot] === null);
    const stale = order.find((slot) => !this.#shown.has(shownKey(slots[slot] ?? "")));
    const slot = free ?? stale;
    // Everything is on screen: share the hashed colour, the labels tell the values apart.
    if (slot === undefined) return start;
    slots[slot] = value;
    this.#save();
    return slot;
  }

  #slotsOf(dimension: string): Slots {
    const existing = this.#tables.get(dimension);
    if (existing !== undefined) return existing;
    const slots: Slots = Array.from({ length: PALETTE_SIZE }, () => null);
    this.#tables.set(dimension, slots);
    return slots;
  }

  #save(): void {
    try {
      this.storage?.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(this.#tables)));
    } catch {
      // Without storage the colours hold until the page is left.
    }
  }
}

function load(storage: Pick<Storage, "getItem"> | null): Record<string, Slots> {
  try {
    const stored: unknown = JSON.parse(storage?.getItem(STORAGE_KEY) ?? "{}");
    if (typeof stored !== "object" || stored === null) return {};
    return Object.fromEntries(
      Object.entries(stored).filter((entry): entry is [string, Slots] => isSlots(entry[1])),
    );
  } catch {
    return {};
  }
}

function isSlots(value: unknown): value is Slots {
  return (
    Array.isArray(value) &&
    value.length === PALETTE_SIZE &&
    value.every((slot) => slot === null || typeof slot === "string")
  );
}

/** FNV-1a over UTF-16 code units: small, stable, and good enough to spread names. */
export function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return state >>> 0;
}
