import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fixtureServer } from "./fixture-server";

/** The dashboard over made-up data: `npm run dev:fixtures`, then open `/#key=msr_sample`. */
export default defineConfig({
  plugins: [react(), fixtureServer()],
  build: { outDir: "../crates/web/dist" },
});
