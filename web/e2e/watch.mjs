// Listens to a page: what went wrong, and the last question of each kind that it asked.

/** Queries that are remembered. */
const MAX_QUERIES = 200;

export function watch(page, origin) {
  const trouble = [];
  const queries = [];
  page.on("console", (message) => {
    if (message.type() === "error") trouble.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => trouble.push(`exception: ${error.message}`));
  page.on("requestfailed", (request) => {
    // The page gives up questions whose answer it no longer needs.
    const reason = request.failure()?.errorText ?? "";
    if (reason !== "net::ERR_ABORTED") trouble.push(`${request.url()}: ${reason}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) trouble.push(`${response.url()}: ${response.status()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin) trouble.push(`foreign request to ${url.origin}`);
    if (url.pathname === "/v1/query") queries.push(JSON.parse(request.postData() ?? "{}"));
    if (queries.length > MAX_QUERIES) queries.shift();
  });
  return {
    trouble: () => trouble,
    /** The body of the newest query that fits. */
    lastQuery(matches) {
      const found = queries.findLast(matches);
      if (found === undefined) throw new Error("the page has not asked this question");
      return found;
    },
  };
}
