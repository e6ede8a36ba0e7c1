#pragma once

// Translators of HTTP filters whose configuration comes from a source (ECDS): the place in the
// chain, and the resource.
//
// Pure. What a filter may be is known from type_urls when its chain is parsed, so that its place
// and its per-route configuration can be checked before anything has come. Faults go to
// Translation::errors; texts are Envoy's where it has one. Source: Envoy
// source/common/http/filter_chain_helper.cc, source/common/filter/config_discovery_impl.{h,cc}.

#include "source/config/core_config.h"
#include "source/http/filter/filter_slot.h"

namespace envoy::config::core::v3 {
class ExtensionConfigSource;
class TypedExtensionConfig;
}  // namespace envoy::config::core::v3

namespace remora::config {

// Completes `factory`, which has its name, and adds to Translation::extension_uses what it needs.
// `last`: the chain ends with it.
void ParseDiscovery(const envoy::config::core::v3::ExtensionConfigSource& proto, bool last,
                    const FieldPath& path, Translation& translation, http::FilterFactory& factory);

// What the source has sent for `use`; null after an error.
http::FilterSlot::Version ParseDiscoveredFilter(
    const envoy::config::core::v3::TypedExtensionConfig& proto, const ExtensionUse& use,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
