import { describe, expect, it, vi } from "vitest";
import { KeyStore, keyFromFragment } from "./key";

function place(hash: string, stored: string | null = null) {
  const kept = new Map<string, string>(stored === null ? [] : [["modelstat.key", stored]]);
  return {
    kept,
    location: { hash, pathname: "/sessions", search: "?range=7d" },
    history: { state: { index: 3 }, replaceState: vi.fn() },
    storage: {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
      removeItem: (name: string) => void kept.delete(name),
    },
  };
}

describe("keyFromFragment", () => {
  it.each([
    ["#key=msr_live_abc", "msr_live_abc"],
    ["#view=1&key=msr_live_abc", "msr_live_abc"],
    ["#key=%20msr_live_abc%20", "msr_live_abc"],
    ["#key=", null],
    ["#main", null],
    ["", null],
    ["#key=two%20words", null],
    ["#key=line%0Abreak", null],
    [`#key=${"x".repeat(513)}`, null],
  ])("reads %s", (hash, expected) => expect(keyFromFragment(hash)).toBe(expected));
});

describe("KeyStore", () => {
  it("keeps the key of the address and removes it from the address bar", () => {
    const window = place("#key=msr_live_new");
    const keys = new KeyStore(window);
    expect(keys.state()).toEqual({ key: "msr_live_new", refusal: null });
    expect(window.kept.get("modelstat.key")).toBe("msr_live_new");
    expect(window.history.replaceState).toHaveBeenCalledWith({ index: 3 }, "", "/sessions?range=7d");
  });

  it("comes back with the kept key after a reload", () => {
    const window = place("", "msr_live_kept");
    expect(new KeyStore(window).state().key).toBe("msr_live_kept");
    expect(window.history.replaceState).not.toHaveBeenCalled();
  });

  it("replaces the key when a second address is opened in the same tab", () => {
    const window = place("#key=msr_live_first");
    const keys = new KeyStore(window);
    const listener = vi.fn();
    keys.subscribe(listener);
    window.location.hash = "#key=msr_live_second";
    expect(keys.takeFromAddress()).toBe(true);
    expect(keys.state().key).toBe("msr_live_second");
    expect(window.kept.get("modelstat.key")).toBe("msr_live_second");
    expect(listener).toHaveBeenCalledOnce();
  });

  it("forgets a refused key but not the one that came after it", () => {
    const window = place("#key=msr_live_first");
    const keys = new KeyStore(window);
    keys.use("msr_live_second");
    keys.refuse("msr_live_first", "revoked");
    expect(keys.state().key).toBe("msr_live_second");
    keys.refuse("msr_live_second", "revoked");
    expect(keys.state()).toEqual({ key: null, refusal: "revoked" });
    expect(window.kept.size).toBe(0);
  });

  it("works without storage", () => {
    const forbidden = () => {
      throw new DOMException("denied", "SecurityError");
    };
    const keys = new KeyStore({
      ...place("#key=msr_live_new"),
      storage: { getItem: forbidden, setItem: forbidden, removeItem: forbidden },
    });
    expect(keys.state().key).toBe("msr_live_new");
  });
});
