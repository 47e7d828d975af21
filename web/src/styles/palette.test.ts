import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PALETTE_SIZE } from "../lib/colour";

/** Least distance of two colours in Oklab, where 0.02 can just be told apart side by side. */
const LEAST_DISTANCE = 0.07;

type Triple = [number, number, number];

const tokens = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");

/** How each kind of colour blindness sees linear RGB, at full strength (Machado, Oliveira, Fernandes 2009). */
const SIGHTS: Record<string, [Triple, Triple, Triple]> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function palette(scheme: "light" | "dark"): Triple[] {
  const pattern = /--series-\d+: light-dark\(oklch\(([\d. ]+)\), oklch\(([\d. ]+)\)\)/g;
  return [...tokens.matchAll(pattern)].map((match) => {
    const [lightness = 0, chroma = 0, hue = 0] = (match[scheme === "light" ? 1 : 2] ?? "")
      .split(" ")
      .map(Number);
    const angle = (hue * Math.PI) / 180;
    return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
  });
}

function times(matrix: [Triple, Triple, Triple], [x, y, z]: Triple): Triple {
  return matrix.map(([a, b, c]) => a * x + b * y + c * z) as Triple;
}

/** Oklab to linear RGB, with the published matrices. */
function linear([lightness, a, b]: Triple): Triple {
  const cones = [
    lightness + 0.3963377774 * a + 0.2158037573 * b,
    lightness - 0.1055613458 * a - 0.0638541728 * b,
    lightness - 0.0894841775 * a - 1.291485548 * b,
  ].map((cone) => cone ** 3) as Triple;
  return times(
    [
      [4.0767416621, -3.3077115913, 0.2309699292],
      [-1.2684380046, 2.6097574011, -0.3413193965],
      [-0.0041960863, -0.7034186147, 1.707614701],
    ],
    cones,
  ).map((channel) => Math.min(1, Math.max(0, channel))) as Triple;
}

/** Linear RGB to Oklab. */
function perceived(rgb: Triple): Triple {
  const cones = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb.map((channel) => Math.min(1, Math.max(0, channel))) as Triple,
  ).map(Math.cbrt) as Triple;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    cones,
  );
}

describe.each(["light", "dark"] as const)("the palette in the %s scheme", (scheme) => {
  it.each(Object.entries(SIGHTS))("can be told apart with %s sight", (_, sight) => {
    const seen = palette(scheme).map((colour) => perceived(times(sight, linear(colour))));
    const distances = seen.flatMap((left, index) =>
      seen
        .slice(index + 1)
        .map((right) => Math.hypot(...left.map((part, axis) => part - (right[axis] ?? 0)))),
    );
    expect(seen).toHaveLength(PALETTE_SIZE);
    expect(Math.min(...distances)).toBeGreaterThan(LEAST_DISTANCE);
  });
});
