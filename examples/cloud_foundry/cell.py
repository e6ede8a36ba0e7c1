"""What a Diego cell does for its sidecar: chooses ports, writes envoy.yaml and the secrets' files,
replaces them at a rotation, and knows the command line.

The files are those of the platform's executor, byte for byte in what matters to a reader: every
scalar and list is there at its default value, keys are sorted, and junk names are junk."""
import os

ASSETS = '/etc/cf-assets'
CONFIG = ASSETS + '/envoy_config'
COMMAND = ("trap 'kill -9 0' TERM; %s/envoy/envoy -c %s/envoy.yaml --drain-time-s 900"
           ' --log-level critical& pid=$!; wait $pid' % (ASSETS, CONFIG))

_FIRST_PORT = 61001
_C2C_PORT = 61443
_TYPE = 'type.googleapis.com/'
_CLIENTS = ['gorouter.service.cf.internal', 'ssh-proxy.service.cf.internal',
            'tcp-router.service.cf.internal']


def choose_ports(app_ports):
    """[(app port, TLS port)...] and admin's: the next ones free; 8080 gets the one for other apps
    too."""
    mappings = []
    free = _FIRST_PORT
    for app_port in app_ports:
        while free in app_ports or free == _C2C_PORT:
            free += 1
        mappings.append((app_port, free))
        if app_port == 8080:
            mappings.append((app_port, _C2C_PORT))
        free += 1
    while free in app_ports or free == _C2C_PORT:
        free += 1
    return mappings, free


def _scalar(value):
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    if value == '' or value[0] in '@{[' or '\n' in value:
        return '"%s"' % value.replace('\n', '\\n')
    return value


def to_yaml(value, indent=0):
    """Block style, keys sorted, as Go's library writes it."""
    pad = '  ' * indent
    lines = []
    if isinstance(value, dict):
        for key in sorted(value):
            item = value[key]
            name = "'%s'" % key if key[0] == '@' else key
            if isinstance(item, (dict, list)) and item:
                deeper = indent + 1 if isinstance(item, dict) else indent
                lines.append('%s%s:\n%s' % (pad, name, to_yaml(item, deeper)))
            else:
                empty = {dict: '{}', list: '[]'}.get(type(item))
                lines.append('%s%s: %s\n' % (pad, name, empty or _scalar(item)))
    else:
        for item in value:
            if isinstance(item, dict):
                lines.append(pad + '- ' + to_yaml(item, indent + 1)[len(pad) + 2:])
            else:
                lines.append('%s- %s\n' % (pad, _scalar(item)))
    return ''.join(lines)


def _socket_address(ip, port):
    return {'socket_address': {'address': ip, 'ipv4_compat': False, 'port_value': port,
                               'protocol': 'TCP', 'resolver_name': '',
                               'network_namespace_filepath': ''}}


def _cluster(name, endpoints, thresholds):
    return {
        'alt_stat_name': '', 'close_connections_on_host_health_failure': False,
        'connect_timeout': '0.250s', 'connection_pool_per_downstream_connection': False,
        'dns_lookup_family': 'AUTO', 'dns_resolvers': [], 'filters': [], 'health_checks': [],
        'ignore_health_on_host_removal': False, 'lb_policy': 'ROUND_ROBIN',
        'lrs_report_endpoint_metrics': [], 'name': name,
        'protocol_selection': 'USE_CONFIGURED_PROTOCOL', 'respect_dns_ttl': False,
        'track_timeout_budgets': False, 'transport_socket_matches': [], 'type': 'STATIC',
        'typed_extension_protocol_options': {}, 'use_tcp_for_dns_lookups': False,
        'load_assignment': {
            'cluster_name': name, 'named_endpoints': {},
            'endpoints': [{'priority': 0, 'lb_endpoints': [
                {'health_status': 'UNKNOWN',
                 'endpoint': {'additional_addresses': [], 'hostname': '',
                              'address': _socket_address(ip, port)}}
                for ip, port in endpoints]}]},
        **({'circuit_breakers': {'per_host_thresholds': [], 'thresholds': [
            {name: 4294967295, 'priority': 'DEFAULT', 'track_remaining': False}
            for name in ('max_connections', 'max_pending_requests', 'max_requests')]}}
           if thresholds else {})}


class Cell:
    """One instance's sidecar, with its configuration in `folder`.

    watched: the form with a watched folder, since May 2026; before that, the files' paths alone.
    ads: addresses of the experimental discovery servers.
    newer: fields that no proxy knows yet, at their default values.
    """

    def __init__(self, folder, container_ip, guid, app_ports, watched=True, ads=(), newer=False):
        self.folder = folder
        self.container_ip = container_ip
        self.guid = guid
        self.mappings, self.admin_port = choose_ports(app_ports)
        self.watched = watched
        self.ads = ads
        self.newer = newer
        os.makedirs(folder, mode=0o755, exist_ok=True)

    def tls_port(self, app_port):
        return dict(reversed(self.mappings))[app_port]

    def bootstrap(self):
        clusters = [_cluster('service-cluster-%d' % port, [(self.container_ip, port)], True)
                    for port in sorted({port for port, _ in self.mappings})]
        # A Go map's order is random; any other than the listeners' will do.
        clusters.reverse()
        root = {
            'admin': {'access_log': [], 'access_log_path': '/dev/null', 'profile_path': '',
                      'address': _socket_address('127.0.0.1', self.admin_port),
                      'ignore_global_conn_limit': False, 'socket_options': []},
            'bootstrap_extensions': [], 'certificate_provider_instances': {}, 'config_sources': [],
            'default_socket_interface': '', 'enable_dispatcher_stats': False, 'fatal_actions': [],
            'flags_path': '', 'header_prefix': '', 'inline_headers': [],
            'layered_runtime': {'layers': [{'name': 'static-layer', 'static_layer': {
                'envoy': {'reloadable_features': {'new_tcp_connection_pool': False}}}}]},
            'node': {'client_features': [], 'cluster': 'proxy-cluster', 'dynamic_parameters': {},
                     'extensions': [], 'listening_addresses': [], 'user_agent_name': '',
                     'id': 'sidecar~%s~%s~x' % (self.container_ip, self.guid)},
            'node_context_params': [], 'perf_tracing_file_path': '',
            'static_resources': {'clusters': clusters, 'secrets': [],
                                 'listeners': [self._listener(*pair) for pair in self.mappings]},
            'stats_config': {'histogram_bucket_settings': [], 'stats_tags': [],
                             'stats_matcher': {'reject_all': True}},
            'stats_sinks': [], 'use_tcp_for_dns_lookups': False}
        if self.ads:
            clusters.append(_cluster('pilot-ads', self.ads, False))
            root['dynamic_resources'] = self._dynamic_resources()
        if self.newer:
            root['field_of_tomorrow'] = ''
            root['node']['list_of_tomorrow'] = []
            for cluster in clusters:
                cluster['switch_of_tomorrow'] = False
        return root

    @staticmethod
    def _dynamic_resources():
        source = {'ads': {}, 'authorities': [], 'resource_api_version': 'AUTO'}
        return {
            'cds_config': source, 'cds_resources_locator': '', 'lds_config': source,
            'lds_resources_locator': '',
            'ads_config': {
                'api_type': 'GRPC', 'cluster_names': [], 'config_validators': [],
                'grpc_services': [{'initial_metadata': [], 'envoy_grpc': {
                    'authority': '', 'cluster_name': 'pilot-ads'}}],
                'set_node_on_first_message_only': False, 'transport_api_version': 'AUTO'}}

    def _secret(self, name):
        path = '%s/sds-%s.yaml' % (CONFIG, name)
        source = {'authorities': [], 'resource_api_version': 'AUTO'}
        if self.watched:
            source['path_config_source'] = {'path': path, 'watched_directory': {'path': CONFIG}}
        else:
            source['path'] = path
        return {'name': name, 'sds_config': source}

    def _listener(self, app_port, tls_port):
        name = 'listener-%d-%d' % (app_port, tls_port)
        c2c = tls_port == _C2C_PORT
        common = {
            'alpn_protocols': [] if c2c else ['h2,http/1.1'],
            'tls_certificate_sds_secret_configs': [
                self._secret('c2c-cert-and-key' if c2c else 'id-cert-and-key')],
            'tls_certificates': [],
            'tls_params': {'cipher_suites': ['ECDHE-RSA-AES256-GCM-SHA384',
                                             'ECDHE-RSA-AES128-GCM-SHA256'],
                           'ecdh_curves': [], 'signature_algorithms': [],
                           'tls_maximum_protocol_version': 'TLS_AUTO',
                           'tls_minimum_protocol_version': 'TLS_AUTO'}}
        tls = {'@type': _TYPE + 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
               'common_tls_context': common, 'disable_stateful_session_resumption': False,
               'ocsp_staple_policy': 'LENIENT_STAPLING'}
        if not c2c:
            common['validation_context_sds_secret_config'] = self._secret('id-validation-context')
            tls['require_client_certificate'] = True
        proxy = {'@type': _TYPE + 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                 'access_log': [], 'cluster': 'service-cluster-%d' % app_port,
                 'flush_access_log_on_connected': False, 'hash_policy': [],
                 'stat_prefix': 'stats-%d-%d' % (app_port, tls_port)}
        return {
            'access_log': [], 'additional_addresses': [],
            'address': _socket_address('0.0.0.0', tls_port),
            'continue_on_listener_filters_timeout': False, 'drain_type': 'DEFAULT',
            'enable_mptcp': False, 'ignore_global_conn_limit': False, 'listener_filters': [],
            'name': name, 'reuse_port': False, 'socket_options': [], 'stat_prefix': '',
            'traffic_direction': 'UNSPECIFIED',
            'filter_chains': [{'filters': [{'name': 'envoy.tcp_proxy', 'typed_config': proxy}],
                               'name': '',
                               'transport_socket': {'name': name, 'typed_config': tls}}]}

    def write(self, id_credential, c2c_credential, client_authority):
        """One update: envoy.yaml in place, then each secret by rename, in the cell's order."""
        self.write_bootstrap()
        self.write_credential('id-cert-and-key', id_credential)
        self.write_credential('c2c-cert-and-key', c2c_credential)
        self.write_secret('id-validation-context', {'validation_context': {
            'match_subject_alt_names': [{'exact': name} for name in _CLIENTS],
            'trusted_ca': {'inline_string': client_authority.pem}}})

    def write_bootstrap(self):
        with open(os.path.join(self.folder, 'envoy.yaml'), 'w') as file:
            file.write(to_yaml(self.bootstrap()))

    def write_credential(self, name, credential, resource=None):
        self.write_secret(name, {'tls_certificate': {
            'certificate_chain': {'inline_string': credential.chain_pem},
            'private_key': {'inline_string': credential.key_pem}}}, resource)

    def write_secret(self, name, content, resource=None):
        """A response of the discovery service; its version is "0" for ever."""
        self.write_text(name, to_yaml({
            'resources': [{
                '@type': _TYPE + 'envoy.extensions.transport_sockets.tls.v3.Secret',
                'name': resource or name, **content}],
            'version_info': '0'}).replace('version_info: 0', 'version_info: "0"'))

    def write_text(self, name, text):
        path = os.path.join(self.folder, 'sds-%s.yaml' % name)
        with open(path + '.tmp', 'w') as file:
            file.write(text)
        os.rename(path + '.tmp', path)
