"""Writes the bootstrap of a group: a listener, a route configuration and clusters for each case.

Everything is text: pieces from the case files are put in their place, and a default is left out
when the piece has a field of that name. Names are made unique by the case's id; ${up} in a piece is
the cluster "up" of its case.
"""

import os
import re

import casefile
import secure

_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3." \
       "HttpConnectionManager"
_TCP = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_SERVER = """\
common_tls_context:
  tls_certificates:
  - certificate_chain: { filename: "${certs}/server.pem" }
    private_key: { filename: "${certs}/server.key" }
"""
_ROUTER = """\
- name: envoy.filters.http.router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"""

# What the access log of every case says, as name=value.
LOG_FIELDS = {
    "code": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "request": "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "host": "%UPSTREAM_HOST%",
    "route": "%ROUTE_NAME%",
    "termination": "%CONNECTION_TERMINATION_DETAILS%",
    "transport": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
}


def _indent(text, by):
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def _keys(text):
    return set(re.findall(r"^([A-Za-z_]\w*):", text, re.MULTILINE))


def _merge(own, defaults):
    """`own` and those of the defaults ({name: YAML of the field}) that it does not have."""
    keys = _keys(own)
    return own + "".join(text for name, text in defaults.items() if name not in keys)


def log_path(case, folder):
    return f"{folder}/{case.id}.log"


def _log(case):
    if "access_log" in case.config:
        return case.config["access_log"]
    line = "\\t".join(f"{name}={value}" for name, value in LOG_FIELDS.items())
    return f"""\
- name: envoy.access_loggers.file
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
    path: ${{log}}
    log_format: {{ text_format_source: {{ inline_string: "{line}\\n" }} }}
"""


def _tcp_proxy(case, with_log):
    tcp = {"stat_prefix": f"stat_prefix: {case.id}\n"}
    if "weighted_clusters" not in _keys(case.config["tcp"]):
        tcp["cluster"] = 'cluster: "${up}"\n'
    if with_log:
        tcp["access_log"] = "access_log:\n" + _log(case)
    return _merge(case.config["tcp"], tcp)


def _manager(case, with_log):
    config = case.config
    routes = config.get("routes", '- match: { prefix: "/" }\n  route: { cluster: "${up}" }\n')
    vhost = _merge(config.get("vhost", ""), {
        "name": f"name: {case.id}\n", "domains": 'domains: ["*"]\n',
        "routes": "routes:\n" + routes})
    hosts = config.get("virtual_hosts") or "-\n" + _indent(vhost, 2)
    route_config = _merge(config.get("route_config", ""), {
        "name": f"name: {case.id}\n", "virtual_hosts": "virtual_hosts:\n" + hosts})
    hcm = {
        "stat_prefix": f"stat_prefix: {case.id}\n",
        "route_config": "route_config:\n" + _indent(route_config, 2),
        "http_filters": "http_filters:\n" + config.get("filters", "") + _ROUTER,
    }
    if "scoped_routes" in config:
        del hcm["route_config"]
        hcm["scoped_routes"] = "scoped_routes:\n" + _indent(config["scoped_routes"], 2)
    if with_log:
        hcm["access_log"] = "access_log:\n" + _log(case)
    return _merge(config.get("hcm", ""), hcm)


def _transport_socket(case):
    """Of the only chain: fields of a DownstreamTlsContext, with the server's certificate."""
    if "downstream_tls" not in case.config:
        return ""
    context = _merge(case.config["downstream_tls"], {"common_tls_context": _SERVER})
    return _indent(f"""\
transport_socket:
  name: tls
  typed_config:
    "@type": {_TLS}
""" + _indent(context, 4), 4)


def _chains(case, folder, with_log):
    """A listener with filter chains of its own; its connections are logged by the listener."""
    defaults = {
        "name": f"name: {case.id}\n", "stat_prefix": f"stat_prefix: {case.id}\n",
        "address": "address: { socket_address: { address: 127.0.0.1, port_value: 0 } }\n",
        "filter_chains": "filter_chains:\n" + case.config["chains"]}
    if with_log:
        defaults["access_log"] = "access_log:\n" + _log(case)
    listener = _merge(case.config.get("listener", ""), defaults)
    return ("-\n" + _indent(listener, 2)).replace("${log}", log_path(case, folder))


def _listener(case, folder, with_log):
    if "chains" in case.config:
        return _chains(case, folder, with_log)
    filter_type = _TCP if case.raw else _HCM
    own = _tcp_proxy(case, with_log) if case.raw else _manager(case, with_log)
    listener = _merge(case.config.get("listener", ""), {
        "name": f"name: {case.id}\n", "stat_prefix": f"stat_prefix: {case.id}\n",
        "address": "address: { socket_address: { address: 127.0.0.1, port_value: 0 } }\n"})
    return ("-\n" + _indent(listener, 2) + f"""\
  filter_chains:
  - filters:
    - name: the_filter
      typed_config:
        "@type": {filter_type}
""" + _indent(own, 8) + _transport_socket(case)).replace("${log}", log_path(case, folder))


def _cluster(case, name, ports):
    # Ports differ between the two proxies: what is chosen by hash is chosen by name.
    named = "use_hostname_for_hashing" in case.clusters.get(name, "")
    endpoints = "".join(
        f"    - endpoint: {{ hostname: '{up if named else ''}', address: {{ socket_address: "
        f"{{ address: 127.0.0.1, port_value: {ports[up]} }} }} }}\n"
        for up in case.upstreams_of(name))
    defaults = {
        "name": f"name: {case.id}_{name}\n", "type": "type: STATIC\n",
        "connect_timeout": "connect_timeout: 1s\n"}
    own = case.clusters.get(name, "")
    if "type: ORIGINAL_DST" not in own:
        defaults["load_assignment"] = (
            f"load_assignment:\n  cluster_name: {case.id}_{name}\n  endpoints:\n"
            f"  - lb_endpoints:\n{endpoints}")
    own = casefile.PORT.sub(lambda found: b"%d" % ports[found[1].decode()], own.encode()).decode()
    cluster = _merge(own, defaults)
    return "-\n" + _indent(cluster, 2)


def _named(case, text):
    return casefile.NAME.sub(lambda found: f"{case.id}_{found[1]}", text)


def certificates(folder):
    """Where the certificates are, next to the proxies' own folders."""
    return os.path.join(os.path.dirname(folder), "certs")


def _with_certificates(text, folder):
    text = text.replace("${certs}", certificates(folder))
    return re.sub(r"\$\{hash_(\w+)\}",
                  lambda found: secure.hash_of(certificates(folder), found[1]), text)


def write(group, cases, ports, folder, with_log=True):
    """The bootstrap's YAML. `ports`: {(case id, upstream): port}."""
    listeners = clusters = ""
    for case in cases:
        own = {up: ports[case.id, up] for up in case.upstream_names()}
        listeners += _named(case, _listener(case, folder, with_log))
        for name in case.cluster_names():
            clusters += _named(case, _cluster(case, name, own))
    return _with_certificates(f"""\
node: {{ id: differential, cluster: differential }}
admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
{group.bootstrap}\
static_resources:
  listeners:
{_indent(listeners, 2)}\
  clusters:
{_indent(clusters, 2)}""", folder)
