// SPDX-License-Identifier: Apache-2.0
// Verifies a webhook of profile "basekit" in a Zapier code step ("Run JavaScript"), behind the trigger
// "Catch Raw Hook". No npm modules. Input data of the step:
//   rawBody    the trigger's "Raw Body"
//   signature  the trigger's header "X-Delivery-Hmac-SHA256"
//   secret     the tenant's secret, "whsec_..." and all; two, separated by a blank, while it changes
const crypto = require('crypto');

const given = Buffer.from(String(inputData.signature || '').trim().toLowerCase());
const isGenuine = String(inputData.secret || '').split(' ').filter(Boolean).some((secret) => {
  const ours = Buffer.from(crypto.createHmac('sha256', secret).update(inputData.rawBody || '', 'utf8').digest('hex'));
  return ours.length === given.length && crypto.timingSafeEqual(ours, given);
});
if (!isGenuine) {
  throw new Error('This webhook is not genuine: its signature does not fit the secret.');
}
output = JSON.parse(inputData.rawBody);
