// Counts what passed and what failed; a failed check does not stop the others.

/** Longest wait for anything to appear. */
export const PATIENCE_MS = 20_000;

/** Pause between two looks at a page that is still changing. */
const LOOK_AGAIN_MS = 250;

export function checker() {
  let passed = 0;
  const failed = [];
  return {
    async check(name, run) {
      try {
        await run();
        passed += 1;
        console.log(`ok    ${name}`);
      } catch (error) {
        failed.push(name);
        const lines = String(error instanceof Error ? error.message : error).split("\n");
        console.log(`FAIL  ${name}\n      ${lines.slice(0, 4).join("\n      ")}`);
      }
    },
    /** Prints the last line; true when nothing failed. */
    summary() {
      console.log(`e2e: ${passed} passed, ${failed.length} failed`);
      return failed.length === 0 && passed > 0;
    },
  };
}

/** Runs until it no longer throws: a page shows the answer before last while the next one is on its way. */
export async function eventually(run) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((wake) => setTimeout(wake, LOOK_AGAIN_MS));
    }
  }
}

export function same(seen, expected, what) {
  if (!Object.is(seen, expected)) {
    throw new Error(`${what}: saw ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`);
  }
}

/** Compares lists by content. */
export function sameList(seen, expected, what) {
  same(JSON.stringify(seen), JSON.stringify(expected), what);
}

/** `$1,234.50` and `1234.500000000000` are the same amount; "not priced" is null. */
export function amount(text) {
  if (text === null || text === undefined || !/\d/.test(text)) return null;
  return text
    .replaceAll(/[$,]/g, "")
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

/** `1,234` as a number. */
export function number(text) {
  return Number(text?.replaceAll(",", ""));
}

export function sum(numbers) {
  return numbers.reduce((total, value) => total + value, 0);
}
