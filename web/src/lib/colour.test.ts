import { describe, expect, it } from "vitest";
import { hash, PALETTE_SIZE, Palette } from "./colour";

function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  };
}

const names = (amount: number, prefix = "model") =>
  Array.from({ length: amount }, (_, index) => `${prefix}-${index}`);

describe("Palette", () => {
  it("gives the first value its hashed colour", () => {
    expect(new Palette(null).slotOf("model", "gpt-4o")).toBe(hash("gpt-4o") % PALETTE_SIZE);
  });

  it("gives twelve values twelve colours", () => {
    const palette = new Palette(null);
    expect(new Set(names(12).map((name) => palette.slotOf("model", name))).size).toBe(12);
  });

  it("keeps a colour whatever comes after, and over a reload", () => {
    const kept = storage();
    const palette = new Palette(kept);
    const before = names(12).map((name) => palette.slotOf("model", name));
    for (const name of names(30, "other")) palette.slotOf("model", name);
    expect(names(12).map((name) => palette.slotOf("model", name))).toEqual(before);
    const reloaded = new Palette(kept);
    expect(
      names(12)
        .reverse()
        .map((name) => reloaded.slotOf("model", name)),
    ).toEqual([...before].reverse());
  });

  it("lets values give way that this page has not shown", () => {
    const kept = storage();
    const earlier = new Palette(kept);
    for (const name of names(12)) earlier.slotOf("model", name);
    const palette = new Palette(kept);
    const fresh = names(6, "new").map((name) => palette.slotOf("model", name));
    expect(new Set(fresh).size).toBe(6);
  });

  it("survives a store that holds nonsense", () => {
    const nonsense = { getItem: () => '{"model": [1, 2], "app": "x"', setItem: () => {} };
    expect(new Palette(nonsense).slotOf("model", "a")).toBeLessThan(PALETTE_SIZE);
  });
});
