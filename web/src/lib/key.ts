/** The read key: taken from the address once, kept for this tab only, never left in the address bar. */

const STORAGE_KEY = "modelstat.key";

/** Longest key that is kept; a real one is far shorter. */
const MAX_KEY_LENGTH = 512;

/** What the dashboard knows about its key. */
export interface KeyState {
  key: string | null;
  /** Why the server refused the key that was there before, in its own words. */
  refusal: string | null;
}

/** The parts of `window` that the key touches, passed in so that tests bring their own. */
export interface KeyPlace {
  location: { hash: string; pathname: string; search: string };
  history: { state: unknown; replaceState(state: unknown, unused: string, url: string): void };
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

/** The key in a fragment such as `#key=msr_live_…`, or null. */
export function keyFromFragment(hash: string): string | null {
  const key = new URLSearchParams(hash.replace(/^#/, "")).get("key")?.trim() ?? "";
  // A header value holds visible ASCII only; anything else cannot be a key.
  return /^[\x21-\x7e]+$/.test(key) && key.length <= MAX_KEY_LENGTH ? key : null;
}

/**
 * Holds the key and tells listeners when it changes.
 *
 * `takeFromAddress` replaces a key that was there before: an address with a key is
 * how a person says which org to look at.
 */
export class KeyStore {
  #state: KeyState;
  readonly #listeners = new Set<() => void>();

  constructor(private readonly place: KeyPlace) {
    this.#state = { key: read(place.storage), refusal: null };
    this.takeFromAddress();
  }

  readonly state = (): KeyState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Moves a key from the fragment into the store and cleans the address bar. */
  takeFromAddress(): boolean {
    const { location, history } = this.place;
    const key = keyFromFragment(location.hash);
    if (key === null) return false;
    history.replaceState(history.state, "", location.pathname + location.search);
    this.use(key);
    return true;
  }

  use(key: string): void {
    try {
      this.place.storage.setItem(STORAGE_KEY, key);
    } catch {
      // Without storage the key lives as long as the page does.
    }
    this.#change({ key, refusal: null });
  }

  /** Forgets `key` after the server refused it; a newer key stays. */
  refuse(key: string, message: string): void {
    if (this.#state.key !== key) return;
    this.forget(message);
  }

  forget(refusal: string | null = null): void {
    try {
      this.place.storage.removeItem(STORAGE_KEY);
    } catch {
      // As above.
    }
    this.#change({ key: null, refusal });
  }

  #change(state: KeyState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function read(storage: KeyPlace["storage"]): string | null {
  try {
    return storage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
