"""Pieces of a bootstrap with a control plane, for scale.py and for test/go_control_plane."""

_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def address(port):
    """That port of 127.0.0.1."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name, port, http2):
    """One endpoint, at that port."""
    made = {
        "name": name, "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}
    if http2:
        made["typed_extension_protocol_options"] = {_HTTP: {
            "@type": "type.googleapis.com/" + _HTTP,
            "explicit_http_config": {"http2_protocol_options": {}}}}
    return made
