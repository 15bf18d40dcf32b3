// SPDX-License-Identifier: Apache-2.0

// Package webhook verifies webhooks with Go's standard library alone.
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const tolerance = 300 * time.Second

// IsGenuine is for Standard Webhooks. key is the secret "whsec_...", or for v1a the public key "whpk_...".
// body is the raw bytes, before any JSON parser; now is time.Now().
func IsGenuine(key string, header http.Header, body []byte, now time.Time) (bool, error) {
	timestamp := header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	age := now.Truncate(time.Second).Sub(time.Unix(seconds, 0))
	if err != nil || age > tolerance || age < -tolerance || header.Get("webhook-id") == "" {
		return false, nil
	}
	signed := append([]byte(header.Get("webhook-id")+"."+timestamp+"."), body...)
	encoded := strings.TrimPrefix(strings.TrimPrefix(key, "whsec_"), "whpk_")
	keyBytes, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	isPublic := strings.HasPrefix(key, "whpk_")
	if err != nil || len(keyBytes) == 0 || isPublic && len(keyBytes) != ed25519.PublicKeySize {
		return false, errors.New("not a key")
	}
	mac := hmac.New(sha256.New, keyBytes)
	mac.Write(signed)
	for _, text := range strings.Fields(header.Get("webhook-signature")) {
		version, encoded, _ := strings.Cut(text, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
		case isPublic && version == "v1a" && ed25519.Verify(keyBytes, signed, signature):
			return true, nil
		case !isPublic && version == "v1" && hmac.Equal(mac.Sum(nil), signature):
			return true, nil
		}
	}
	return false, nil
}

// HasGenuineHmac is for profile basekit. secret is the whole text, "whsec_" and all; signature is
// the header X-Delivery-Hmac-SHA256.
func HasGenuineHmac(secret, signature string, body []byte) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return secret != "" && hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(signature))
}
