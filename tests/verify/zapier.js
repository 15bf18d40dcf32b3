// SPDX-License-Identifier: Apache-2.0
// Runs docs/verify/zapier.js as a Zapier code step does: `inputData` in, `output` out.
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const step = fs.readFileSync(path.join(__dirname, '../../docs/verify/zapier.js'), 'utf8');
const receiving = fs.readFileSync(path.join(__dirname, '../../docs/receiving.md'), 'utf8');

function run(inputData) {
  const context = { inputData, require, Buffer, output: undefined };
  vm.runInNewContext(step, context);
  return context.output;
}

// With arguments: is this request genuine?
if (process.argv.length === 5) {
  const [rawBody, signature, secret] = process.argv.slice(2);
  run({ rawBody, signature, secret });
  process.exit(0);
}

// The vector of docs/receiving.md, which tests/unit/test_request.c proves of the sender.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const rawBody = '{"test": 2432232314}';
const signature = receiving.match(/`([0-9a-f]{64})`/)[1];
const other = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

assert.strictEqual(run({ rawBody, signature, secret }).test, 2432232314);
assert.strictEqual(run({ rawBody, signature, secret: `${other} ${secret}` }).test, 2432232314);
assert.strictEqual(run({ rawBody, signature: ` ${signature.toUpperCase()}\n`, secret }).test, 2432232314);
for (const bad of [
  { rawBody: rawBody + ' ', signature, secret },
  { rawBody, signature: signature.slice(0, 63) + (signature[63] === '0' ? '1' : '0'), secret },
  { rawBody, signature: signature.slice(0, 8), secret },
  { rawBody, signature: '', secret },
  { rawBody, signature, secret: other },
  { rawBody, signature, secret: '' },
  { rawBody },
]) assert.throws(() => run(bad), /not genuine/);
console.log('bk_07: the Zapier step takes what is genuine and nothing else');
