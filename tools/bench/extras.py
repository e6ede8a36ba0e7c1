"""What the scenario `extras` turns on: YAML of access logs, header changes and HTTP filters, and the
fields of a request that they look at."""

import base64
import json
import os
import subprocess
import textwrap

# What each is, and what it may cost Remora, in microseconds of CPU a request; None: at most half of
# what it costs Envoy.
EXTRAS = {
    "plain": ("neither", None),
    "log": ("access log to a file", 0.4),
    "changes": ("20 header changes", 1.0),
    "filters": ("10 filters that let everything pass", 1.5),
    "rbac": ("rbac, the last of 100 policies", None),
    "jwt": ("jwt_authn, RS256, keys at hand", None),
    "jwt-cached": ("the same with a cache of tokens", None),
    "local_ratelimit": ("local_ratelimit, a token of a bucket", None),
    "cors": ("cors, an origin of the policy", None),
    "lua": ("lua, a script that adds a field", None),
}

_LUA = """\
default_source_code:
  inline_string: function envoy_on_request(h) h:headers():add("x-lua", "yes") end
"""
ORIGIN = "https://www.example.com"
_TYPE = "type.googleapis.com/envoy.extensions.filters.http."


def filters(extra, folder):
    """YAML of a connection manager's filters; `folder` has the key of make_token."""
    if extra == "filters":
        return idle_filters(10)
    configs = {"rbac": _rbac, "jwt": lambda: _jwt(folder, ""), "local_ratelimit": _local_ratelimit,
               "jwt-cached": lambda: _jwt(folder, "jwt_cache_config: { jwt_cache_size: 100 }"),
               "cors": lambda: "", "lua": lambda: _LUA}
    if extra not in configs:
        return ""
    kind = {"rbac": "rbac.v3.RBAC", "local_ratelimit": "local_ratelimit.v3.LocalRateLimit",
            "cors": "cors.v3.Cors", "lua": "lua.v3.Lua"}.get(extra, "jwt_authn.v3.JwtAuthentication")
    return f"""\
          - name: {extra}
            typed_config:
              "@type": {_TYPE}{kind}
""" + textwrap.indent(configs[extra](), " " * 14)


def virtual_host(extra, indent):
    """YAML of the virtual host's fields."""
    if extra == "changes":
        return twenty_changes(indent)
    if extra == "cors":
        return textwrap.indent(f"""\
typed_per_filter_config:
  cors:
    "@type": {_TYPE}cors.v3.CorsPolicy
    allow_origin_string_match:
    - exact: https://other.example.com
    - exact: {ORIGIN}
""", " " * indent)
    return ""


def access_log(path):
    """Envoy's default line to a file: YAML of a connection manager."""
    return f"""          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {path}
"""


def idle_filters(count):
    """HTTP filters that look at the head of each request, and have nothing to do."""
    return "".join(f"""\
          - name: filter{index}
            typed_config:
              "@type": {_TYPE}cors.v3.Cors
""" for index in range(count))


def twenty_changes(indent):
    """YAML of a route or virtual host: ten changes of the request, ten of the response."""
    return "".join(textwrap.indent(f"""\
{side}_headers_to_add:
- {{ header: {{ key: x-a, value: some text }} }}
- {{ header: {{ key: x-b, value: some more text }} }}
- {{ header: {{ key: x-c, value: "1" }} }}
- {{ header: {{ key: x-d, value: a }}, append_action: ADD_IF_ABSENT }}
- {{ header: {{ key: cache-control, value: no-store }},
     append_action: OVERWRITE_IF_EXISTS_OR_ADD }}
- {{ header: {{ key: x-e, value: e }}, append_action: OVERWRITE_IF_EXISTS }}
- {{ header: {{ key: x-f, value: "%REQ(:path)%" }} }}
- {{ header: {{ key: x-g, value: "for %REQ(user-agent)% by %PROTOCOL%" }} }}
{side}_headers_to_remove: [x-h, accept-language]
""", " " * indent) for side in ("request", "response"))


def _rbac():
    policies = "".join(
        f'    policy-{index:02d}: {{ permissions: [ {{ url_path: {{ path: {{ prefix: "{prefix}" }} }} '
        f'}} ], principals: [ {{ any: true }} ] }}\n'
        for index, prefix in enumerate([f"/admin/{n}/" for n in range(99)] + ["/"]))
    return "rules:\n  action: ALLOW\n  policies:\n" + policies


def _local_ratelimit():
    always = "{ default_value: { numerator: 100 } }"
    return f"""\
stat_prefix: bench
token_bucket: {{ max_tokens: 1000000000, tokens_per_fill: 1000000000, fill_interval: 1s }}
filter_enabled: {always}
filter_enforced: {always}
"""


def _jwt(folder, more):
    with open(os.path.join(folder, "keys.json"), encoding="ascii") as file:
        keys = file.read()
    return f"""\
providers:
  bench:
    issuer: bench
    {more}
    local_jwks: {{ inline_string: '{keys}' }}
rules:
- match: {{ prefix: / }}
  requires: {{ provider_name: bench }}
"""


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def make_token(folder):
    """A token, and in `folder` its key as keys.json."""
    def openssl(*arguments, data=b""):
        return subprocess.run(("openssl",) + arguments, input=data, check=True, cwd=folder,
                              capture_output=True).stdout

    openssl("genrsa", "-out", "jwt.key", "2048")
    modulus = openssl("rsa", "-in", "jwt.key", "-noout", "-modulus").decode("ascii")
    key = {"kty": "RSA", "kid": "bench", "e": "AQAB",
           "n": _base64url(bytes.fromhex(modulus.strip().split("=", 1)[1]))}
    with open(os.path.join(folder, "keys.json"), "w", encoding="ascii") as out:
        json.dump({"keys": [key]}, out)
    parts = ({"alg": "RS256", "kid": "bench", "typ": "JWT"},
             {"iss": "bench", "sub": "somebody", "exp": 4102444800, "scope": "read write"})
    text = ".".join(_base64url(json.dumps(part).encode("ascii")) for part in parts)
    signature = openssl("dgst", "-sha256", "-sign", "jwt.key", data=text.encode("ascii"))
    return text + "." + _base64url(signature)
