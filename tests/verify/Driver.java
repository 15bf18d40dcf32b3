// SPDX-License-Identifier: Apache-2.0
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Scanner;

/** Asks docs/verify/Webhook.java; see check. */
public final class Driver {
    public static void main(String[] arguments) {
        Scanner lines = new Scanner(System.in, "UTF-8");
        while (lines.hasNextLine()) {
            System.out.println(answer(lines.nextLine().split("\\|", -1)));
        }
    }

    private static String answer(String[] f) {
        String[] names = {"webhook-id", "webhook-timestamp", "webhook-signature"};
        Map<String, String> headers = new HashMap<>();
        for (int i = 0; i < names.length; i++) {
            if (!f[3 + i].equals("-")) {
                headers.put(names[i], f[3 + i]);
            }
        }
        byte[] body = Base64.getDecoder().decode(f[6]);
        try {
            boolean genuine = f[0].equals("basekit")
                    ? Webhook.hasGenuineHmac(f[1], f[5], body)
                    : Webhook.isGenuine(f[1], headers, body, Long.parseLong(f[2]));
            return genuine ? "yes" : "no";
        } catch (GeneralSecurityException | IllegalArgumentException error) {
            return "error";
        }
    }
}
