import { createRootRoute, createRoute, createRouter, type RouterHistory } from "@tanstack/react-router";
import { validateOverview, validateSessions, validateShared } from "./lib/search";
import { NotFound, Shell } from "./Shell";
import { Overview } from "./views/overview/View";
import { Privacy } from "./views/privacy/View";
import { Session } from "./views/session/View";
import { Sessions } from "./views/sessions/View";

const root = createRootRoute({
  validateSearch: validateShared,
  component: Shell,
  notFoundComponent: NotFound,
});
const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: validateOverview,
  component: Overview,
});
const sessions = createRoute({
  getParentRoute: () => root,
  path: "/sessions",
  validateSearch: validateSessions,
  component: Sessions,
});
const session = createRoute({
  getParentRoute: () => root,
  path: "/sessions/$sessionId",
  validateSearch: validateSessions,
  component: Session,
});
const privacy = createRoute({ getParentRoute: () => root, path: "/privacy", component: Privacy });
const routeTree = root.addChildren([overview, sessions, session, privacy]);

export function createAppRouter(history: RouterHistory) {
  return createRouter({ routeTree, history, scrollRestoration: true });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
