import { expect, it } from "vitest";
import { sumMoney } from "./decimal";

it.each([
  [["0.100000000000", "0.200000000000"], "0.300000000000"],
  [["90071992547409.930000000001", "0.000000000001"], "90071992547409.930000000002"],
  [["1.500000000000", null, "-2.000000000000"], "-0.500000000000"],
  [["2.5"], "2.500000000000"],
  [[null, null], null],
  [[], null],
  [["not money"], null],
])("sums %j", (amounts, expected) => expect(sumMoney(amounts)).toBe(expected));
