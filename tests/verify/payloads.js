// SPDX-License-Identifier: Apache-2.0
// JSON texts that a parser would change: their bytes have to reach the receiver as they are. No clock, no I/O.
'use strict';

const LARGE_BYTES = 1000000;
const DEEP_LEVELS = 50; // the API takes 64, those around the payload included

// Each as a producer might write it.
const chosen = [
  '{}',
  '[]',
  'null',
  '""',
  '0.1',
  '{"n":0.1}',
  '{"n":1180591620717411303424}', // 2^70
  '{"n":[-0,-0.0,0e0,1e2,1E+2,1E-7,1.10,100.0,1e400,12345678901234567890,0.1000000000000000055511151231257827]}',
  '{"a":1,"a":2,"a":{"a":null,"a":[]}}',
  '{"":null," ":0}',
  '{"b":1,"a":2,"B":3}',
  '{ "blank" :\t[ 1 ,\r\n 2 , { } ] }',
  '{"escapes":"\\u00e9 \\/ / \\\\ \\" \\b\\f\\n\\r\\t \\u0000 \\u001F \\ud83d\\ude00 \\uD83D\\uDE00"}',
  '{"unicode":"é € 😀 🇳🇱 👩‍👩‍👧 ﷽ \u2028\u2029 \uFEFF \u200F ק ئ 中文 \u007F"}',
  '{"html":"<script>&amp;</script>","sql":"\'; DROP TABLE event; --"}',
  '['.repeat(DEEP_LEVELS) + ']'.repeat(DEEP_LEVELS),
  '{"d":'.repeat(DEEP_LEVELS) + '{}' + '}'.repeat(DEEP_LEVELS),
];

// A megabyte to the byte, so that no boundary of a buffer falls between characters always.
function large() {
  const head = '{"large":"', tail = '","end":1.0}', unit = 'a€é😀';
  const space = LARGE_BYTES - head.length - tail.length, unitBytes = Buffer.byteLength(unit);
  return head + unit.repeat(Math.floor(space / unitBytes)) + 'x'.repeat(space % unitBytes) + tail;
}

// Mulberry32: numbers from 0 to 1, the same ones for a seed everywhere.
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const numbers = ['0', '-0.0', '0.1', '1.10', '1e2', '-1E-7', '18446744073709551616', '1180591620717411303424', '2.50e+10'];
const pieces = ['a', 'Z', ' ', '.', 'é', '€', '😀', '中', '\u2028', '\\u00e9', '\\uD83D\\ude00', '\\/', '\\\\', '\\"', '\\n', '\\u0000', '</'];
const blanks = ['', '', '', ' ', '\n', '\t', '\r\n  '];
const names = ['id', 'name', 'id', '', 'é', 'a b', '\\u0061'];

function makeGenerator(seed) {
  const random = randomFrom(seed);
  const below = (n) => Math.floor(random() * n);
  const pick = (list) => list[below(list.length)];
  const several = (n, make) => Array.from({ length: below(n) }, make);
  const padded = (text) => pick(blanks) + text + pick(blanks);
  const string = () => `"${several(12, () => pick(pieces)).join('')}"`;
  const number = () => (below(2) ? pick(numbers) : `${below(2) ? '-' : ''}${1 + below(9)}${below(1e9)}.${below(1e6)}`);
  const member = (levels) => `${padded(`"${pick(names)}"`)}:${padded(value(levels))}`;
  const object = (levels) => `{${several(6, () => member(levels)).join(',') || pick(blanks)}}`;
  const array = (levels) => `[${several(6, () => padded(value(levels))).join(',') || pick(blanks)}]`;

  function value(levels) {
    const kind = below(levels > 0 ? 7 : 5);
    if (kind === 6) return object(levels - 1);
    if (kind === 5) return array(levels - 1);
    if (kind > 2) return pick(['true', 'false', 'null']);
    return kind ? string() : number();
  }
  return () => object(6);
}

// n payloads: the chosen ones, a large one, and random ones of that seed.
function payloads(n, seed) {
  const generate = makeGenerator(seed);
  const all = [...chosen, large()];
  while (all.length < n) all.push(generate());
  return all;
}

module.exports = { payloads };
