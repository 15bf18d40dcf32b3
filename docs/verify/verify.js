// SPDX-License-Identifier: Apache-2.0
// Verifies webhooks in Node.js 16 or newer, without npm modules.
'use strict';
const crypto = require('crypto');

const TOLERANCE_S = 300;

// Standard Webhooks. key: the secret "whsec_...", or for v1a the public key "whpk_...".
// headers: as Node.js has them, in lower case. body: a Buffer of the raw bytes, before any JSON parser.
function isGenuine(key, headers, body, now = Math.floor(Date.now() / 1000)) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !signatures || !/^\d+$/.test(timestamp) || Math.abs(now - timestamp) > TOLERANCE_S) return false;
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const keyBytes = Buffer.from(key.replace(/^wh(sec|pk)_/, ''), 'base64');
  if (keyBytes.length === 0) throw new Error('the key is empty');
  if (key.startsWith('whpk_')) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: keyBytes.toString('base64url') };
    const publicKey = crypto.createPublicKey({ key: jwk, format: 'jwk' });
    return signatures.split(' ').some((text) => /^v1a,[A-Za-z0-9+/]{86}==$/.test(text) &&
      crypto.verify(null, signed, publicKey, Buffer.from(text.slice(4), 'base64')));
  }
  const expected = 'v1,' + crypto.createHmac('sha256', keyBytes).update(signed).digest('base64');
  return signatures.split(' ').some((text) => isEqual(expected, text));
}

// Profile basekit. secret: the whole text, "whsec_" and all. signature: X-Delivery-Hmac-SHA256.
function hasGenuineHmac(secret, signature, body) {
  if (!secret) throw new Error('the secret is empty');
  return isEqual(crypto.createHmac('sha256', secret).update(body).digest('hex'), signature);
}

function isEqual(ours, theirs) {
  const [a, b] = [Buffer.from(ours), Buffer.from(theirs)];
  return a.length === b.length && crypto.timingSafeEqual(a, b);
}

module.exports = { isGenuine, hasGenuineHmac };
