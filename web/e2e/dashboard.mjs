// Drives the dashboard in a real browser and compares what it shows with the API's own answers.
//
//   MODELSTAT_E2E_URL        the dashboard address of an org with data, key included
//   MODELSTAT_E2E_EMPTY_URL  the same for an org without data (optional)
//   MODELSTAT_E2E_SHOTS      a folder for screenshots (optional)
//   CHROMIUM                 the browser, default /usr/bin/chromium
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";
import { isAccessible } from "./accessible.mjs";
import { checker, eventually, PATIENCE_MS, same } from "./check.mjs";
import { walkOverview } from "./overview.mjs";
import { walkPrivacy } from "./privacy.mjs";
import { walkSessions } from "./sessions.mjs";
import { watch } from "./watch.mjs";

const ADDRESS = required("MODELSTAT_E2E_URL");
const EMPTY_ADDRESS = process.env.MODELSTAT_E2E_EMPTY_URL;
const SHOTS = process.env.MODELSTAT_E2E_SHOTS;
const BROWSER_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Not UTC, so that bucket edges in the browser and on the server must be worked out alike. */
const TIME_ZONE = "Europe/Berlin";

const { origin } = new URL(ADDRESS);
const key = new URLSearchParams(new URL(ADDRESS).hash.slice(1)).get("key") ?? "";
const { check, summary } = checker();

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: BROWSER_ARGUMENTS });
try {
  for (const scheme of ["light", "dark"]) await walk(scheme);
  await walkNarrow();
  await replaceKey();
  if (EMPTY_ADDRESS) for (const scheme of ["light", "dark"]) await walkEmpty(scheme, EMPTY_ADDRESS);
} finally {
  await browser.close();
}
process.exitCode = summary() ? 0 : 1;

/** One visit from the overview down to a call, and the proof of privacy. */
async function walk(scheme) {
  const { page, trouble, lastQuery, close } = await visit(scheme);
  const step = (name, run) => check(`${scheme}: ${name}`, run);
  const visited = {
    page,
    scheme,
    address: ADDRESS,
    ask,
    lastQuery,
    step,
    askedBy: (path, act) => askedBy(page, path, act),
    shot: (name) => screenshot(page, `${name}-${scheme}`),
    isAccessible: () => isAccessible(page),
  };
  await walkOverview(visited);
  await walkSessions(visited);
  await walkPrivacy(visited);
  await step("had no console error, no failed and no foreign request", async () =>
    same(trouble().join("; "), "", "trouble"),
  );
  await close();
}

/** A telephone must not scroll sideways. */
async function walkNarrow() {
  const { page, close } = await visit("light", { width: 390, height: 844 });
  await check("narrow: nothing is wider than the screen", async () => {
    await page.goto(ADDRESS);
    await page.getByTestId("stat-spend").locator("dd[title]").first().waitFor();
    const marks = { Sessions: "session-row", Privacy: "privacy-outcomes", Overview: "top-models" };
    for (const [link, mark] of Object.entries(marks)) {
      await page.getByRole("link", { name: link, exact: true }).click();
      await page.getByTestId(mark).first().waitFor();
      same(await page.evaluate(() => document.documentElement.scrollWidth), 390, `width of ${link}`);
    }
  });
  await screenshot(page, "narrow");
  await close();
}

/** A second address in the same tab wins, and a wrong key says what to do. */
async function replaceKey() {
  const { page, close } = await visit("light");
  await check("key: another one in the same tab replaces the first", async () => {
    await page.goto(ADDRESS);
    await page.getByTestId("stat-spend").locator("dd[title]").first().waitFor();
    await page.goto(`${origin}/#key=unknown`);
    const ask = page.getByTestId("key-page");
    await ask.getByRole("alert").waitFor();
    same(
      (await ask.textContent())?.includes("modelstat keys create --scope read"),
      true,
      "the remedy is named",
    );
    await page.goto(ADDRESS);
    await page.getByTestId("stat-spend").locator("dd[title]").first().waitFor();
  });
  await close();
}

async function walkEmpty(scheme, address) {
  const { page, trouble, close } = await visit(scheme);
  await check(`${scheme}: an org without data teaches the first call`, async () => {
    await page.goto(address);
    const empty = page.getByTestId("empty-state");
    await eventually(async () => {
      const text = (await empty.textContent()) ?? "";
      same(text.includes("pip install modelstat-sdk") && text.includes("/v1/ingest"), true, "both snippets");
    });
    await isAccessible(page);
    same(trouble().join("; "), "", "trouble");
  });
  await screenshot(page, `empty-${scheme}`);
  await close();
}

async function visit(scheme, viewport = { width: 1280, height: 900 }) {
  const context = await browser.newContext({ viewport, colorScheme: scheme, timezoneId: TIME_ZONE });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return { page, ...watch(page, origin), close: () => context.close() };
}

/** The path that the page asks for when `act` is done. */
async function askedBy(page, path, act) {
  const request = page.waitForRequest((candidate) => new URL(candidate.url()).pathname === path);
  await act();
  const { pathname, search } = new URL((await request).url());
  return pathname + search;
}

/** The API's answer with the same key; a body makes it a POST. */
async function ask(path, body) {
  const response = await fetch(origin + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

async function screenshot(page, name) {
  if (!SHOTS) return;
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

function required(name) {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set: the dashboard's address, as \`modelstat up\` prints it`);
  process.exit(2);
}
