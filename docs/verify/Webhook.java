// SPDX-License-Identifier: Apache-2.0
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Verifies webhooks in Java 17, without other libraries. */
public final class Webhook {
    private static final long TOLERANCE_S = 300;
    /** What makes 32 bytes an Ed25519 public key in DER. */
    private static final String ED25519_PREFIX = "302a300506032b6570032100";

    private Webhook() {}

    /**
     * Standard Webhooks.
     *
     * @param key the secret "whsec_...", or for v1a the public key "whpk_..."
     * @param headers names in lower case
     * @param body the raw bytes, before any JSON parser
     * @param now Instant.now().getEpochSecond()
     */
    public static boolean isGenuine(String key, Map<String, String> headers, byte[] body, long now)
            throws GeneralSecurityException {
        String id = headers.getOrDefault("webhook-id", "");
        String timestamp = headers.getOrDefault("webhook-timestamp", "");
        String signatures = headers.getOrDefault("webhook-signature", "");
        if (id.isEmpty() || !timestamp.matches("[0-9]{1,18}")
                || Math.abs(now - Long.parseLong(timestamp)) > TOLERANCE_S) {
            return false;
        }
        byte[] signed = concat((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8), body);
        byte[] keyBytes = Base64.getDecoder().decode(key.replaceFirst("^wh(sec|pk)_", ""));
        for (String text : signatures.split(" ")) {
            boolean fits = key.startsWith("whpk_")
                    ? text.startsWith("v1a,") && fitsPublicKey(keyBytes, text.substring(4), signed)
                    : isEqual("v1," + Base64.getEncoder().encodeToString(hmac(keyBytes, signed)), text);
            if (fits) {
                return true;
            }
        }
        return false;
    }

    /**
     * Profile basekit.
     *
     * @param secret the whole text, "whsec_" and all
     * @param signature the header X-Delivery-Hmac-SHA256
     */
    public static boolean hasGenuineHmac(String secret, String signature, byte[] body)
            throws GeneralSecurityException {
        byte[] digest = hmac(secret.getBytes(StandardCharsets.UTF_8), body);
        return isEqual(HexFormat.of().formatHex(digest), signature);
    }

    private static boolean fitsPublicKey(byte[] keyBytes, String text, byte[] signed)
            throws GeneralSecurityException {
        byte[] der = concat(HexFormat.of().parseHex(ED25519_PREFIX), keyBytes);
        PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der));
        Signature verifier = Signature.getInstance("Ed25519");
        verifier.initVerify(key);
        verifier.update(signed);
        try {
            return verifier.verify(Base64.getDecoder().decode(text));
        } catch (SignatureException | IllegalArgumentException notOne) {
            return false;
        }
    }

    /** An empty key is an IllegalArgumentException. */
    private static byte[] hmac(byte[] key, byte[] signed) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(signed);
    }

    private static boolean isEqual(String ours, String theirs) {
        return MessageDigest.isEqual(ours.getBytes(StandardCharsets.UTF_8), theirs.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] concat(byte[] a, byte[] b) {
        ByteArrayOutputStream both = new ByteArrayOutputStream();
        both.writeBytes(a);
        both.writeBytes(b);
        return both.toByteArray();
    }
}
