// SPDX-License-Identifier: Apache-2.0
using System;
using System.Collections.Generic;

/// <summary>Asks docs/verify/Webhook.cs; see check.</summary>
public static class Driver
{
    public static void Main()
    {
        for (string line; (line = Console.ReadLine()) != null;)
            Console.WriteLine(Answer(line.Split('|')));
    }

    private static string Answer(string[] f)
    {
        var names = new[] { "webhook-id", "webhook-timestamp", "webhook-signature" };
        var headers = new Dictionary<string, string>();
        for (var i = 0; i < names.Length; i++)
            if (f[3 + i] != "-")
                headers[names[i]] = f[3 + i];
        var body = Convert.FromBase64String(f[6]);
        try
        {
            var genuine = f[0] == "basekit"
                ? Webhook.HasGenuineHmac(f[1], f[5], body)
                : Webhook.IsGenuine(f[1], headers, body, long.Parse(f[2]));
            return genuine ? "yes" : "no";
        }
        catch (Exception error) when (error is ArgumentException || error is FormatException)
        {
            return "error";
        }
    }
}
