import { createBrowserHistory } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { KeyStore } from "./lib/key";
import "./styles/tokens.css";
import "./styles/base.css";

// The key leaves the address before the router reads it.
const keys = new KeyStore({
  location: window.location,
  history: window.history,
  storage: window.sessionStorage,
});
// A second address pasted into this tab changes the fragment only, without a page load.
window.addEventListener("hashchange", () => keys.takeFromAddress());

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(<App keys={keys} history={createBrowserHistory()} />);
