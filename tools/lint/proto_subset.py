#!/usr/bin/env python3
"""proto_subset.py: api/ says the same as the reference protos, and no more than Remora does.

Three questions, one line for each thing that is wrong:

1. Is every message, field and enum value of api/{envoy,google,xds,udpa,validate} in the reference, with
   the same number, type, label, oneof, JSON name and validate rules?
2. Is every field that the reference has and api/ leaves out reserved, by name and by number?
   (The loader then says "not supported" instead of "no such field".)
3. Is every field of api/ either used in source/ or marked no_effect or only_default?

The reference is the npm package @grpc/grpc-js-xds, which tools/setup unpacks into its cache.
"""
import argparse
import glob
import os
import re
import sys

import descriptors
import tree

API = os.path.join(tree.ROOT, 'api')
PACKAGE_ROOTS = ('envoy', 'google', 'xds', 'udpa')
VALIDATE = 'validate/validate.proto'

# What Envoy 1.40 has and the reference package is too old for: full name to "number type", with
# the oneof if any; messages map to ''.
NEWER = {
    'envoy.admin.v3.CommandLineOptions.file_flush_min_size': '42 uint32',
    'envoy.admin.v3.CommandLineOptions.log_stacktrace_single_entry': '43 bool',
    'envoy.admin.v3.CommandLineOptions.skip_deprecated_logs': '41 bool',
    'envoy.config.bootstrap.v3.Admin.allow_paths':
        '7 repeated envoy.type.matcher.v3.StringMatcher',
    'envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch': '',
    'envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch.key_matcher':
        '1 envoy.type.matcher.v3.StringMatcher',
    'envoy.config.common.mutation_rules.v3.HeaderMutation.remove_on_match':
        '3 envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch in action',
    'envoy.config.core.v3.KeyValueAppend.record': '3 envoy.config.core.v3.KeyValuePair',
    'envoy.config.core.v3.KeyValuePair': '',
    'envoy.config.core.v3.KeyValuePair.key': '1 string',
    'envoy.config.core.v3.KeyValuePair.value': '2 google.protobuf.Value',
    'envoy.config.core.v3.ProxyProtocolConfig.added_tlvs':
        '3 repeated envoy.config.core.v3.TlvEntry',
    'envoy.config.core.v3.TlvEntry': '',
    'envoy.config.core.v3.TlvEntry.type': '1 uint32',
    'envoy.config.core.v3.TlvEntry.value': '2 bytes',
    'envoy.extensions.filters.http.compressor.v3.Compressor.ResponseDirectionConfig.'
    'uncompressible_response_codes': '4 repeated uint32',
    'envoy.extensions.filters.http.compressor.v3.Compressor.ResponseDirectionConfig.'
    'weaken_etag_on_compress': '6 bool',
    'envoy.extensions.filters.http.ext_proc.v3.ExtProcOverrides.failure_mode_allow':
        '8 google.protobuf.BoolValue',
    'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor.allowed_override_modes':
        '22 repeated envoy.extensions.filters.http.ext_proc.v3.ProcessingMode',
    'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor.status_on_error':
        '24 envoy.type.v3.HttpStatus',
    'envoy.service.ext_proc.v3.ProcessingRequest.protocol_config':
        '11 envoy.service.ext_proc.v3.ProtocolConfiguration',
    'envoy.service.ext_proc.v3.ProtocolConfiguration': '',
    'envoy.service.ext_proc.v3.ProtocolConfiguration.request_body_mode':
        '1 envoy.extensions.filters.http.ext_proc.v3.ProcessingMode.BodySendMode',
    'envoy.service.ext_proc.v3.ProtocolConfiguration.response_body_mode':
        '2 envoy.extensions.filters.http.ext_proc.v3.ProcessingMode.BodySendMode',
    'envoy.extensions.dynamic_modules.v3.DynamicModuleConfig': '',
    'envoy.extensions.dynamic_modules.v3.DynamicModuleConfig.do_not_close': '3 bool',
    'envoy.extensions.dynamic_modules.v3.DynamicModuleConfig.module':
        '6 envoy.config.core.v3.AsyncDataSource',
    'envoy.extensions.dynamic_modules.v3.DynamicModuleConfig.name': '1 string',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter': '',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter.dynamic_module_config':
        '1 envoy.extensions.dynamic_modules.v3.DynamicModuleConfig',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter.filter_config':
        '3 google.protobuf.Any',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter.filter_name': '2 string',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute': '',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute.'
    'dynamic_module_config': '1 envoy.extensions.dynamic_modules.v3.DynamicModuleConfig',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute.filter_config':
        '3 google.protobuf.Any',
    'envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute.'
    'per_route_config_name': '2 string',
    'envoy.extensions.filters.http.lua.v3.Lua.clear_route_cache': '5 google.protobuf.BoolValue',
    'envoy.extensions.filters.http.lua.v3.Lua.filter_context': '6 google.protobuf.Struct',
    'envoy.extensions.filters.http.lua.v3.LuaPerRoute.filter_context': '4 google.protobuf.Struct',
    'envoy.extensions.filters.http.ext_authz.v3.CheckSettings.grpc_service':
        '4 envoy.config.core.v3.GrpcService in service_override',
    'envoy.extensions.filters.http.ext_authz.v3.CheckSettings.http_service':
        '5 envoy.extensions.filters.http.ext_authz.v3.HttpService in service_override',
    'envoy.extensions.filters.http.ext_authz.v3.HttpService.path_override': '10 string',
    'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.hits_addend':
        '3 google.protobuf.UInt64Value',
    'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.is_negative_hits': '4 bool',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.enable_retry_after_header': '19 bool',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.failure_mode_deny_percent':
        '16 envoy.config.core.v3.RuntimeFractionalPercent',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.filter_enabled':
        '14 envoy.config.core.v3.RuntimeFractionalPercent',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.filter_enforced':
        '15 envoy.config.core.v3.RuntimeFractionalPercent',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.metadata_namespace': '18 string',
    'envoy.extensions.filters.http.ratelimit.v3.RateLimit.rate_limits':
        '17 repeated envoy.config.route.v3.RateLimit',
    'envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.unit_multiplier':
        '4 google.protobuf.UInt32Value',
    'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz.max_denied_response_body_bytes':
        '30 uint32',
    'envoy.service.auth.v3.CheckResponse.error_response':
        '5 envoy.service.auth.v3.DeniedHttpResponse in http_response',
    'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.'
    'close_connection_on_client_hello_parsing_errors': '4 bool',
    'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.max_client_hello_size':
        '5 google.protobuf.UInt32Value',
    'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector.enable_ja4_fingerprinting':
        '3 google.protobuf.BoolValue',
    'envoy.config.core.v3.HttpProtocolOptions.max_response_headers_kb':
        '7 google.protobuf.UInt32Value',
    'envoy.extensions.filters.http.basic_auth.v3.BasicAuth.authentication_header': '3 string',
    'envoy.config.rbac.v3.Permission.sourced_metadata':
        '14 envoy.config.rbac.v3.SourcedMetadata in rule',
    'envoy.config.rbac.v3.Principal.sourced_metadata':
        '13 envoy.config.rbac.v3.SourcedMetadata in identifier',
    'envoy.config.rbac.v3.SourcedMetadata': '',
    'envoy.config.rbac.v3.SourcedMetadata.metadata_matcher':
        '1 envoy.type.matcher.v3.MetadataMatcher',
    'envoy.config.rbac.v3.SourcedMetadata.metadata_source':
        '2 envoy.config.rbac.v3.MetadataSource',
    'envoy.config.route.v3.CookieMatcher': '',
    'envoy.config.route.v3.CookieMatcher.invert_match': '3 bool',
    'envoy.config.route.v3.CookieMatcher.name': '1 string',
    'envoy.config.route.v3.CookieMatcher.string_match': '2 envoy.type.matcher.v3.StringMatcher',
    'envoy.config.route.v3.RouteMatch.cookies': '17 repeated envoy.config.route.v3.CookieMatcher',
    'envoy.config.route.v3.Route.request_body_buffer_limit': '20 google.protobuf.UInt64Value',
    'envoy.config.route.v3.VirtualHost.request_body_buffer_limit':
        '25 google.protobuf.UInt64Value',
    'envoy.config.listener.v3.Listener.tcp_keepalive': '37 envoy.config.core.v3.TcpKeepalive',
    'envoy.config.core.v3.Http1ProtocolOptions.ignore_http_11_upgrade':
        '11 repeated envoy.type.matcher.v3.StringMatcher',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.'
    'http1_safe_max_connection_duration': '58 bool',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions.'
    'flush_access_log_on_start': '3 bool',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.backoff_options':
        '18 envoy.config.core.v3.BackoffStrategy',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.check_drain_close':
        '24 google.protobuf.BoolValue',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.'
    'max_downstream_connection_duration_jitter_percentage': '20 envoy.type.v3.Percent',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.max_early_data_bytes':
        '22 google.protobuf.UInt32Value',
    'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.upstream_connect_mode':
        '21 envoy.extensions.filters.network.tcp_proxy.v3.UpstreamConnectMode',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext.auto_host_sni': '6 bool',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext.auto_sni_san_validation':
        '7 bool',
    'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext.prefer_client_ciphers':
        '11 bool',
    'envoy.config.route.v3.RateLimit.Action.QueryParameters': '',
    'envoy.config.route.v3.RateLimit.Action.QueryParameters.descriptor_key': '2 string',
    'envoy.config.route.v3.RateLimit.Action.QueryParameters.query_parameter_name': '1 string',
    'envoy.config.route.v3.RateLimit.Action.QueryParameters.skip_if_absent': '3 bool',
    'envoy.config.route.v3.RateLimit.Action.query_parameters':
        '12 envoy.config.route.v3.RateLimit.Action.QueryParameters in action_specifier',
    'envoy.extensions.filters.http.stateful_session.v3.StatefulSession.stat_prefix': '3 string',
    'envoy.extensions.filters.http.stateful_session.v3.StatefulSession.'
    'status_on_strict_destination_not_found': '4 uint32',
    'envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState': '',
    'envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState.Header': '',
    'envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState.Header.name':
        '1 string',
    'envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState.header':
        '1 envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState.Header',
    'envoy.type.http.v3.Cookie.attributes': '4 repeated envoy.type.http.v3.CookieAttribute',
    'envoy.type.http.v3.CookieAttribute': '',
    'envoy.type.http.v3.CookieAttribute.name': '1 string',
    'envoy.type.http.v3.CookieAttribute.value': '2 string',
    'envoy.config.route.v3.RateLimit.HitsAddend': '',
    'envoy.config.route.v3.RateLimit.HitsAddend.format': '2 string',
    'envoy.config.route.v3.RateLimit.HitsAddend.is_negative_hits': '3 bool',
    'envoy.config.route.v3.RateLimit.HitsAddend.number': '1 google.protobuf.UInt64Value',
    'envoy.config.route.v3.RateLimit.Override.RateLimitOverride': '',
    'envoy.config.route.v3.RateLimit.Override.RateLimitOverride.requests_per_unit': '1 uint32',
    'envoy.config.route.v3.RateLimit.Override.RateLimitOverride.unit':
        '2 envoy.type.v3.RateLimitUnit',
    'envoy.config.route.v3.RateLimit.Override.rate_limit':
        '2 envoy.config.route.v3.RateLimit.Override.RateLimitOverride in override_specifier',
    'envoy.config.route.v3.RateLimit.apply_on_stream_done': '6 bool',
    'envoy.config.route.v3.RateLimit.hits_addend': '5 envoy.config.route.v3.RateLimit.HitsAddend',
    'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit.max_dynamic_descriptors':
        '18 google.protobuf.UInt32Value',
    'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit.rate_limits':
        '17 repeated envoy.config.route.v3.RateLimit',
    'envoy.config.route.v3.DirectResponseAction.body_format':
        '3 envoy.config.core.v3.SubstitutionFormatString',
    'envoy.extensions.filters.http.header_mutation.v3.Mutations.query_parameter_mutations':
        '3 repeated envoy.config.core.v3.KeyValueMutation',
    'envoy.extensions.filters.http.header_mutation.v3.Mutations.request_trailers_mutations':
        '5 repeated envoy.config.common.mutation_rules.v3.HeaderMutation',
    'envoy.extensions.filters.http.header_mutation.v3.Mutations.response_trailers_mutations':
        '4 repeated envoy.config.common.mutation_rules.v3.HeaderMutation',
}
NEWER.update({'validate.%sRules.ignore_empty' % kind: '%d bool' % number for kind, number in (
    ('Float', 8), ('Double', 8), ('Int32', 8), ('Int64', 8), ('UInt32', 8), ('UInt64', 8),
    ('String', 26), ('Bytes', 14), ('Repeated', 5), ('Map', 6))})

# Files that the reference package does not have (yet), with their packages; async_data_source.proto is
# a part of its base.proto, header_mutation_rules.proto of its mutation_rules.proto.
NEWER_FILES = {
    'envoy/config/common/mutation_rules/v3/header_mutation_rules.proto':
        'envoy.config.common.mutation_rules.v3',
    'envoy/config/core/v3/async_data_source.proto': 'envoy.config.core.v3',
    'envoy/extensions/dynamic_modules/v3/dynamic_modules.proto':
        'envoy.extensions.dynamic_modules.v3',
    'envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.proto':
        'envoy.extensions.filters.http.dynamic_modules.v3',
    'envoy/extensions/http/stateful_session/envelope/v3/envelope.proto':
        'envoy.extensions.http.stateful_session.envelope.v3',
}

# Values of enums that the reference package does not have yet.
NEWER_ENUM_VALUES = {
    'envoy.config.rbac.v3.MetadataSource': {'DYNAMIC': 0, 'ROUTE': 1},
    'envoy.data.accesslog.v3.AccessLogType': {'TcpConnectionStart': 14},
    'envoy.extensions.filters.http.ext_proc.v3.ProcessingMode.BodySendMode': {
        'FULL_DUPLEX_STREAMED': 4},
    'envoy.service.ratelimit.v3.RateLimitResponse.RateLimit.Unit': {'WEEK': 7},
    'envoy.extensions.filters.network.tcp_proxy.v3.UpstreamConnectMode': {
        'IMMEDIATE': 0, 'ON_DOWNSTREAM_DATA': 1, 'ON_DOWNSTREAM_TLS_HANDSHAKE': 2},
}

# Fields whose type Envoy has changed since the package was made.
CHANGED = {
    'envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute.rate_limits':
        '3 repeated envoy.config.route.v3.RateLimit',
}

# Messages that no code reads field by field, and why that is right. What only they use counts as
# used too.
GENERIC_MESSAGES = {
    'envoy.config.core.v3.Node': '/server_info and /config_dump print it whole',
    'udpa.type.v1.TypedStruct': 'the loader unwraps it before there is a message',
    'xds.type.v3.TypedStruct': 'the loader unwraps it before there is a message',
}

# Rules that the reference has dropped since the package was made.
RULES_DROPPED = {
    'envoy.extensions.filters.http.lua.v3.LuaPerRoute.override': 'filter_context may stand alone',
    'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute.disabled': 'false says nothing',
    'envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor.grpc_service':
        'http_service may stand in its place; the filter asks for one of them',
    'envoy.config.core.v3.KeyValueAppend.entry': 'record has taken its place',
    'envoy.config.core.v3.RuntimeDouble.runtime_key': 'empty: the default holds',
    'envoy.config.core.v3.RuntimeFeatureFlag.runtime_key': 'empty: the default holds',
    'envoy.config.core.v3.RuntimeUInt32.runtime_key': 'empty: the default holds',
    'envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry.value': 'empty: any value',
}

# Single fields of that kind.
GENERIC_FIELDS = {
    'envoy.admin.v3.ClusterStatus.added_via_api': 'false, which is not printed: all are static',
    'envoy.config.core.v3.ApiConfigSource.transport_api_version': 'the loader refuses V2',
    'envoy.config.core.v3.ConfigSource.resource_api_version': 'the loader refuses V2',
    'envoy.config.core.v3.SocketOption.description': 'a remark for people',
    'envoy.config.core.v3.TransportSocket.name': 'a name for people; the type decides',
    'envoy.config.core.v3.TypedExtensionConfig.name': 'a name for people; the type decides',
    'envoy.config.listener.v3.Filter.name': 'a name for people; the type decides',
    'envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig.transport_api_version':
        'the loader refuses V2',
    'envoy.config.ratelimit.v3.RateLimitServiceConfig.transport_api_version':
        'the loader refuses V2',
    'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz.transport_api_version':
        'the loader refuses V2',
    'envoy.service.accesslog.v3.StreamAccessLogsMessage.http_logs': 'the sink writes its bytes',
    'envoy.service.accesslog.v3.StreamAccessLogsMessage.tcp_logs': 'the sink writes its bytes',
    'envoy.service.accesslog.v3.StreamAccessLogsMessage.HTTPAccessLogEntries.log_entry':
        'the sink writes its bytes',
    'envoy.service.accesslog.v3.StreamAccessLogsMessage.TCPAccessLogEntries.log_entry':
        'the sink writes its bytes',
    'envoy.config.listener.v3.FilterChain.name': 'a name for people',
    'envoy.config.listener.v3.FilterChain.filter_chain_match':
        'the loader refuses all but the empty message',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.'
    'path_with_escaped_slashes_action': 'the loader refuses all but the two values for "nothing"',
    'envoy.type.matcher.v3.RegexMatcher.google_re2': 'chooses the engine that is used anyway',
}

_ADMIN = 'envoy.admin.v3.'


def signature(field, with_oneof=True):
    text = '%d %s%s' % (field.number, 'repeated ' if field.repeated else '', field.type)
    return text + (' in ' + field.oneof if with_oneof and field.oneof else '')


def rules_text(rules):
    """Rules in an order that does not depend on how they were written."""
    parts = []
    for key in sorted(rules):
        for value in rules[key]:
            parts.append('%s {%s}' % (key, rules_text(value)) if isinstance(value, dict)
                         else '%s: %s' % (key, value))
    return ', '.join(parts)


class Comparison:
    """Questions 1 and 2."""

    def __init__(self, ours, reference):
        self.ours = ours
        self.reference = reference
        self.findings = []
        self.messages = 0
        self.fields = 0

    def run(self, files):
        for name in files:
            theirs = self.reference.packages.get(name) or NEWER_FILES.get(name)
            if theirs != self.ours.packages[name]:
                self._report(name, 'package', self.ours.packages[name], theirs or 'no such file')
        for message in self.ours.messages.values():
            if message.file in files:
                self._message(message)
        for enum in self.ours.enums.values():
            if enum.file in files:
                self._enum(enum)

    def extensions(self, package):
        for name, ours in self.ours.extensions.items():
            if name.startswith(package) and ours != self.reference.extensions.get(name):
                self._report(name, 'extension', ours, self.reference.extensions.get(name))

    def _report(self, where, what, ours, theirs):
        self.findings.append('%s: %s: %s; in the reference: %s' % (where, what, ours, theirs))

    def _message(self, message):
        self.messages += 1
        theirs = self.reference.messages.get(message.full_name)
        if theirs is None and message.full_name not in NEWER:
            self.findings.append('%s: no such message in the reference' % message.full_name)
            return
        for field in message.fields.values():
            self.fields += 1
            self._field(field, theirs.fields.get(field.name) if theirs else None)
        if theirs:
            self._left_out(message, theirs)

    def _field(self, field, theirs):
        if field.full_name in CHANGED and CHANGED[field.full_name] == signature(field):
            return
        if theirs is None:
            newer = NEWER.get(field.full_name)
            if newer is None:
                self.findings.append('%s: no such field in the reference' % field.full_name)
            elif newer != signature(field):
                self._report(field.full_name, 'field', signature(field), newer)
            return
        if field.full_name in NEWER:
            self.findings.append('%s: the reference has it now: take it out of NEWER'
                                 % field.full_name)
        for what, mine, other in (
                ('field', signature(field), signature(theirs)),
                ('JSON name', field.json_name, theirs.json_name),
                ('required oneof', field.oneof_required, theirs.oneof_required),
                ('rules', rules_text(field.rules), rules_text(theirs.rules))):
            ruled = {'rules': field.full_name,
                     'required oneof': field.full_name.rpartition('.')[0] + '.' + field.oneof}
            if ruled.get(what) in RULES_DROPPED:
                continue
            if mine != other:
                self._report(field.full_name, what, mine or 'none', other or 'none')

    def _left_out(self, message, theirs):
        if message.full_name.startswith('validate.'):
            return  # Options of our own files: nobody's configuration can hold them.
        for field in theirs.fields.values():
            if field.name in message.fields:
                continue
            if field.name not in message.reserved_names:
                self.findings.append('%s: left out, but its name is not reserved'
                                     % field.full_name)
            if not message.reserves(field.number):
                self.findings.append('%s: left out, but its number %d is not reserved'
                                     % (field.full_name, field.number))

    def _enum(self, enum):
        theirs = self.reference.enums.get(enum.full_name)
        mine = {name: number for name, number, _, _ in enum.values}
        newer = NEWER_ENUM_VALUES.get(enum.full_name, {})
        if theirs is None and not newer:
            self.findings.append('%s: no such enum in the reference' % enum.full_name)
            return
        other = {name: number for name, number, _, _ in theirs.values} if theirs else {}
        for name in sorted(set(newer) & set(other)):
            self.findings.append('%s.%s: the reference has it now: take it out of '
                                 'NEWER_ENUM_VALUES' % (enum.full_name, name))
        other = {**other, **newer}
        for name in sorted(set(mine) | set(other)):
            if mine.get(name) != other.get(name):
                self._report('%s.%s' % (enum.full_name, name), 'number',
                             mine.get(name, 'missing'), other.get(name, 'missing'))


class Use:
    """Question 3."""

    def __init__(self, ours, files):
        self.ours = ours
        self.messages = {m.full_name: m for m in ours.messages.values() if m.file in files}
        texts = [tree.read(path) for path in tree.cpp_files('source')]
        self.protobuf_code = '\n'.join(t for t in texts if '.pb.h"' in t)
        self.all_code = '\n'.join(texts)
        self.findings = []

    def run(self):
        for message in self.messages.values():
            for field in message.fields.values():
                self._note(field)
        for full_name in sorted(self._live()):
            for field in self.messages[full_name].fields.values():
                if not self._tagged(field) and not self._used(field):
                    self.findings.append(
                        '%s: neither read in source/ nor marked no_effect or only_default'
                        % field.full_name)

    def _note(self, field):
        if field.noted('no_effect') and field.noted('only_default'):
            self.findings.append('%s: both no_effect and only_default' % field.full_name)
        if self._tagged(field) and not descriptors.one(field.note, 'why'):
            self.findings.append('%s: marked without a why' % field.full_name)

    def _tagged(self, field):
        return field.noted('no_effect') or field.noted('only_default')

    def _message_type(self, field):
        """The message that a field holds, looking through maps; None for anything else."""
        message = self.messages.get(field.type)
        if message is not None and message.is_map_entry:
            return self._message_type(message.fields['value'])
        return message

    def _live(self):
        """Messages that can reach a translator: roots, and what unmarked fields of them hold."""
        maps = {m.full_name for m in self.messages.values() if m.is_map_entry}
        held = {self._message_type(f).full_name for m in self.messages.values()
                for f in m.fields.values() if self._message_type(f)}
        waiting = [m for m in self.messages if m not in held and m not in maps]
        live = set()
        while waiting:
            full_name = waiting.pop()
            if full_name in live or full_name in GENERIC_MESSAGES:
                continue
            live.add(full_name)
            for field in self.messages[full_name].fields.values():
                message = self._message_type(field)
                if message and not self._tagged(field):
                    waiting.append(message.full_name)
        return live

    def _used(self, field):
        if field.full_name in GENERIC_FIELDS:
            return True
        camel = ''.join(part.capitalize() for part in field.name.split('_'))
        accessor = (r'(?:\.|->|::)(?:has_|add_|set_|mutable_)?%s(?:_size)?\b|\bk%s\b'
                    % (field.name.lower(), camel))
        if re.search(accessor, self.protobuf_code):
            return True
        # Administration output may be written as JSON by hand.
        return (field.full_name.startswith(_ADMIN) and
                re.search(r'"%s\\?"' % field.name, self.all_code) is not None)


def default_reference():
    cache = os.environ.get('REMORA_CACHE') or os.path.expanduser('~/.cache/remora')
    return os.path.join(cache, 'npm', 'grpc-js-xds', 'deps')


def api_files():
    files = []
    for root in PACKAGE_ROOTS:
        files += glob.glob(os.path.join(API, root, '**', '*.proto'), recursive=True)
    return sorted(os.path.relpath(path, API) for path in files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--reference', metavar='DIR', default=default_reference(),
                        help='folder with envoy-api/, xds/, googleapis/ and protoc-gen-validate/')
    parser.add_argument('--no-use', action='store_true',
                        help='do not ask whether source/ uses every field')
    arguments = parser.parse_args()
    if not os.path.isdir(os.path.join(arguments.reference, 'envoy-api')):
        print('proto_subset: no reference protos in %s: run tools/setup --test'
              % arguments.reference)
        return 1
    folders = [os.path.join(arguments.reference, name)
               for name in ('envoy-api', 'xds', 'googleapis')]
    files = api_files()
    try:
        ours = descriptors.load([API], files + [VALIDATE], API)
        known = [f for f in files if any(os.path.isfile(os.path.join(d, f)) for d in folders)]
        # The package's own validate.proto lacks ignore_empty, which its Envoy protos use.
        reference = descriptors.load(folders + [API], known, API)
        validate = descriptors.load([os.path.join(arguments.reference, 'protoc-gen-validate')],
                                    [VALIDATE], API)
    except RuntimeError as error:
        print('proto_subset: %s' % error)
        return 1
    comparison = Comparison(ours, reference)
    comparison.run(files)
    comparison.reference = validate
    comparison.run([VALIDATE])
    comparison.extensions('validate.')
    findings = comparison.findings
    if not arguments.no_use:
        use = Use(ours, set(files))
        use.run()
        findings += use.findings
    return tree.finish('proto_subset', sorted(findings), '%d messages, %d fields checked'
                       % (comparison.messages, comparison.fields))


if __name__ == '__main__':
    sys.exit(main())
