// SPDX-License-Identifier: Apache-2.0
// Asks docs/verify/verify.js; see check.
'use strict';
const fs = require('fs');
const { isGenuine, hasGenuineHmac } = require('../../docs/verify/verify.js');

for (const line of fs.readFileSync(0, 'utf8').trimEnd().split('\n')) {
  const [scheme, key, now, id, timestamp, signature, body] = line.split('|');
  const given = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  const headers = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '-'));
  const bytes = Buffer.from(body, 'base64');
  try {
    const answer = scheme === 'basekit' ? hasGenuineHmac(key, signature, bytes) : isGenuine(key, headers, bytes, Number(now));
    console.log(answer ? 'yes' : 'no');
  } catch {
    console.log('error');
  }
}
