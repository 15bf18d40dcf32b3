<?php
// SPDX-License-Identifier: Apache-2.0
// Verifies webhooks in PHP 8, which brings all that it needs (hash, sodium).

const TOLERANCE_S = 300;

/**
 * Standard Webhooks. $key: the secret "whsec_...", or for v1a the public key "whpk_...".
 * $headers: names in lower case. $body: file_get_contents('php://input'), before any JSON parser.
 */
function is_genuine(string $key, array $headers, string $body, ?int $now = null): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    $signatures = $headers['webhook-signature'] ?? '';
    if ($id === '' || !ctype_digit($timestamp) || abs(($now ?? time()) - (int) $timestamp) > TOLERANCE_S) {
        return false;
    }
    $signed = "$id.$timestamp.$body";
    $keyBytes = base64_decode(preg_replace('/^wh(sec|pk)_/', '', $key), true);
    if (!$keyBytes) {
        throw new InvalidArgumentException('the key is empty or not base64');
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $keyBytes, true));
    foreach (explode(' ', $signatures) as $text) {
        $fits = str_starts_with($key, 'whpk_')
            ? fits_public_key($keyBytes, $text, $signed)
            : hash_equals($expected, $text);
        if ($fits) {
            return true;
        }
    }
    return false;
}

function fits_public_key(string $keyBytes, string $text, string $signed): bool
{
    $signature = str_starts_with($text, 'v1a,') ? (string) base64_decode(substr($text, 4), true) : '';
    return strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
        && sodium_crypto_sign_verify_detached($signature, $signed, $keyBytes);
}

/** Profile basekit. $secret: the whole text, "whsec_" and all. $signature: X-Delivery-Hmac-SHA256. */
function has_genuine_hmac(string $secret, string $signature, string $body): bool
{
    return $secret !== '' && hash_equals(hash_hmac('sha256', $body, $secret), $signature);
}
