#!/usr/bin/env python3
"""A hook for ringferry: auth_hook = ["/usr/local/bin/auth_hook.py"]

Reads one question from stdin, writes one answer to stdout. Whatever it writes to stderr goes to
ringferry's log. Here the users are a table; a real hook asks a database or a directory.
"""

import hashlib
import hmac
import json
import sys

USERS = {
    # SHA-256 of "sesame", for the example; keep scrypt or argon2 hashes.
    "ann": {
        "sha256": "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272",
        "keys": [],
        "grant": {"root": "/srv/ann"},
    },
    "partner": {
        "keys": ["SHA256:8oSHRhdWCmGwAkmTUy5HLXcUN9JzUDkVRz8iRqaZ4aA"],
        "grant": {
            "root": "/srv/partner",
            "home": "/in",
            "folders": [
                {"path": "/", "permissions": ["list", "download"]},
                {"path": "/in", "permissions": ["list", "upload"]},
            ],
        },
    },
}
NOBODY = {"keys": [], "grant": None}


def proves(user, question):
    """The same work for names that nobody has."""
    if "key" in question:
        return question["key"]["fingerprint"] in user["keys"]
    given = hashlib.sha256(question["password"].encode()).hexdigest()
    return hmac.compare_digest(given, user.get("sha256", "0" * 64))


def main():
    question = json.load(sys.stdin)
    user = USERS.get(question["user"], NOBODY)
    if question["version"] == 1 and proves(user, question) and user["grant"]:
        json.dump({"accept": True, **user["grant"]}, sys.stdout)
    else:
        json.dump({"accept": False, "reason": "unknown user, or no proof"}, sys.stdout)


main()
