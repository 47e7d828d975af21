import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

/** Where `modelstat up` listens unless told otherwise; only `npm run dev` uses it. */
const SERVER = process.env.MODELSTAT_DEV_SERVER ?? "http://127.0.0.1:4320";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../crates/web/dist",
    emptyOutDir: true,
    // The content security policy allows no data: address, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    // light-dark() must reach the browser as written.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": SERVER } },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    testTimeout: 40_000,
    env: { TZ: "Europe/Berlin" },
  },
});
