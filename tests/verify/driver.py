# SPDX-License-Identifier: Apache-2.0
"""Asks docs/verify/verify.py; see check."""
import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs/verify"))
import verify  # noqa: E402

for line in sys.stdin:
    scheme, key, now, id_, timestamp, signature, body = line.rstrip("\n").split("|")
    given = {"webhook-id": id_, "webhook-timestamp": timestamp, "webhook-signature": signature}
    headers = {name: value for name, value in given.items() if value != "-"}
    body = base64.b64decode(body)
    try:
        if scheme == "basekit":
            is_genuine = verify.has_genuine_hmac(key, signature, body)
        else:
            is_genuine = verify.is_genuine(key, headers, body, int(now))
        print("yes" if is_genuine else "no")
    except ValueError:
        print("error")
