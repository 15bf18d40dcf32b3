// SPDX-License-Identifier: Apache-2.0
// A receiver that uses the npm package "standardwebhooks", and a producer: what was published arrives byte for byte
// and validly signed, with one live secret and with three, one of them v1a, which the package passes over and
// docs/verify/verify.js verifies.
//
//   node deliveries.js API ADMIN-KEY PRODUCER-KEY COMPANY EVENT-TYPE APP-ID NODE-MODULES
//
// Each event goes to two subscriptions: one gets the standard envelope, one the payload alone. Exits 1 and says what was wrong.
'use strict';
const assert = require('assert');
const crypto = require('crypto');
const http = require('http');
const path = require('path');
const { isGenuine } = require('../../docs/verify/verify.js');
const { payloads } = require('./payloads.js');

const [api, admin, producer, company, eventType, app, modules] = process.argv.slice(2);
const { Webhook } = require(path.join(modules, 'standardwebhooks'));

const N_EVENTS = 1000;
const SEED = 20260817;
const MAX_BATCH_BYTES = 500000; // of payloads: a request may have 1 MiB
const OCCURRED_AT = '2026-11-22T06:28:00.1234567Z';
const LONGEST_WAIT_MS = 120000;
const envelopes = {
  '/standard': (payload) => `{"type":"${eventType}","timestamp":"${OCCURRED_AT}","data":${payload}}`,
  '/raw': (payload) => payload,
};

async function call(method, resource, key, text) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const reply = await fetch(api + resource, { method, headers, body: text });
  const answer = await reply.text();
  assert(reply.ok, `${method} ${resource}: ${reply.status} ${answer}`);
  return answer === '' ? null : JSON.parse(answer);
}

// ---- the receiver ----

const hashOf = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const keys = {}; // by path: the secrets that are live, and public keys
const seen = new Set(); // webhook-ids
const waiting = {}; // by path: how often a body, by its hash, is still to come
let nMissing = 0;
let onComplete = () => {};

// Every live key alone has to verify it, and none what is changed in one place.
function verify(route, headers, body) {
  const changed = Buffer.concat([body, Buffer.from(' ')]);
  assert.strictEqual(headers['webhook-signature'].split(' ').length, keys[route].length);
  for (const key of keys[route]) {
    assert(isGenuine(key, headers, body));
    assert(!isGenuine(key, headers, changed));
    if (key.startsWith('whpk_')) continue;
    const webhook = new Webhook(key);
    webhook.verify(body, headers);
    if (body.length < 1000) assert.throws(() => webhook.verify(changed, headers), { name: 'WebhookVerificationError' });
  }
}

function receive(route, headers, body) {
  verify(route, headers, body);
  if (seen.has(headers['webhook-id'])) return; // sent again
  seen.add(headers['webhook-id']);
  const hash = hashOf(body);
  assert(waiting[route].get(hash) > 0, `${route} got what was not published: ${body.subarray(0, 500)}`);
  waiting[route].set(hash, waiting[route].get(hash) - 1);
  nMissing--;
  if (nMissing === 0) onComplete();
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

const receiver = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    try {
      receive(request.url, request.headers, Buffer.concat(parts));
    } catch (error) {
      fail(error);
    }
    response.end();
  });
});

// ---- the producer ----

function* batches(list) {
  let batch = [], bytes = 0;
  for (const payload of list) {
    if (batch.length > 0 && bytes + payload.length > MAX_BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(payload);
    bytes += Buffer.byteLength(payload);
  }
  yield batch;
}

// No JSON.stringify(): the payload's text is what matters.
const eventText = (payload) =>
  `{"event_type":"${eventType}","company":"${company}","occurred_at":"${OCCURRED_AT}","payload":${payload}}`;

async function publish(list) {
  for (const batch of batches(list)) {
    const events = await call('POST', '/v1/events', producer, `{"events":[${batch.map(eventText).join(',')}]}`);
    assert.strictEqual(JSON.stringify(events).includes('problem'), false, JSON.stringify(events).slice(0, 500));
  }
}

async function deliver(list) {
  for (const [route, envelope] of Object.entries(envelopes)) {
    waiting[route] = new Map();
    for (const payload of list) {
      const hash = hashOf(envelope(payload));
      waiting[route].set(hash, (waiting[route].get(hash) || 0) + 1);
    }
  }
  nMissing = list.length * Object.keys(envelopes).length;
  const isComplete = new Promise((resolve) => { onComplete = resolve; });
  const timer = setTimeout(() => fail(`${nMissing} deliveries are missing (seed ${SEED})`), LONGEST_WAIT_MS);
  await publish(list);
  await isComplete;
  clearTimeout(timer);
}

// ---- the story ----

async function main() {
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${receiver.address().port}`;
  const subscriptions = {};
  await call('POST', '/v1/profiles', admin, JSON.stringify({ name: 'bare', base: 'standard', envelope: 'raw' }));
  for (const [route, profile] of [['/standard', 'standard'], ['/raw', 'bare']]) {
    const body = { url: url + route, event_types: [eventType], profile };
    const made = await call('POST', `/v1/apps/${app}/subscriptions`, admin, JSON.stringify(body));
    subscriptions[route] = made.id;
    keys[route] = [made.secret];
  }
  const list = payloads(N_EVENTS, SEED);
  const half = N_EVENTS / 2;
  await deliver(list.slice(0, half));
  for (const [route, id] of Object.entries(subscriptions)) {
    for (const kind of ['v1', 'v1a']) {
      const made = await call('POST', `/v1/subscriptions/${id}/secrets`, admin, JSON.stringify({ kind, overlap_s: 3600 }));
      keys[route].push(made.secret || made.public_key);
    }
  }
  await deliver([...list.slice(0, 18), ...list.slice(half)]); // the chosen ones again
  console.log(`${seen.size} deliveries of ${N_EVENTS} payloads, every byte and every signature as it should be`);
  process.exit(0);
}

main().catch(fail);
