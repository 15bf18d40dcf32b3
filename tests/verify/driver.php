<?php
// SPDX-License-Identifier: Apache-2.0
// Asks docs/verify/verify.php; see check.
require __DIR__ . '/../../docs/verify/verify.php';

while (($line = fgets(STDIN)) !== false) {
    [$scheme, $key, $now, $id, $timestamp, $signature, $body] = explode('|', rtrim($line, "\n"));
    $given = ['webhook-id' => $id, 'webhook-timestamp' => $timestamp, 'webhook-signature' => $signature];
    $headers = array_filter($given, fn ($value) => $value !== '-');
    $bytes = base64_decode($body);
    try {
        $answer = $scheme === 'basekit'
            ? has_genuine_hmac($key, $signature, $bytes)
            : is_genuine($key, $headers, $bytes, (int) $now);
        echo $answer ? "yes\n" : "no\n";
    } catch (InvalidArgumentException | SodiumException) {
        echo "error\n";
    }
}
