// SPDX-License-Identifier: Apache-2.0
using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;

/// <summary>Verifies webhooks with the base class library, which has no Ed25519: v1 only.</summary>
public static class Webhook
{
    private const long ToleranceSeconds = 300;

    /// <summary>Standard Webhooks.</summary>
    /// <param name="secret">"whsec_..."</param>
    /// <param name="headers">names in lower case</param>
    /// <param name="body">the raw bytes, before any JSON parser</param>
    /// <param name="now">DateTimeOffset.UtcNow.ToUnixTimeSeconds()</param>
    public static bool IsGenuine(string secret, IDictionary<string, string> headers, byte[] body, long now)
    {
        if (!headers.TryGetValue("webhook-id", out var id) ||
            !headers.TryGetValue("webhook-timestamp", out var timestamp) ||
            !headers.TryGetValue("webhook-signature", out var signatures) ||
            !uint.TryParse(timestamp, out var seconds) || Math.Abs(now - seconds) > ToleranceSeconds)
            return false;
        var encoded = secret.StartsWith("whsec_", StringComparison.Ordinal) ? secret.Substring(6) : secret;
        var key = Convert.FromBase64String(encoded.PadRight((encoded.Length + 3) / 4 * 4, '='));
        var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(body).ToArray();
        var expected = Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(Hmac(key, signed)));
        return signatures.Split(' ')
            .Any(text => CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>Profile basekit.</summary>
    /// <param name="secret">the whole text, "whsec_" and all</param>
    /// <param name="signature">the header X-Delivery-Hmac-SHA256</param>
    public static bool HasGenuineHmac(string secret, string signature, byte[] body)
    {
        var digest = Hmac(Encoding.UTF8.GetBytes(secret), body);
        var expected = string.Concat(digest.Select(b => b.ToString("x2")));
        return CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(signature));
    }

    private static byte[] Hmac(byte[] key, byte[] signed)
    {
        if (key.Length == 0)
            throw new ArgumentException("the key is empty");
        using (var hmac = new HMACSHA256(key))
            return hmac.ComputeHash(signed);
    }
}
