#pragma once

// Request: what an admin handler is asked, as a plain value, and how it is read from a message.
//
// The path is normalised as Envoy's admin listener does it: unreserved characters decoded, `\`
// taken for `/`, dot segments removed, slashes merged; the case stays. Parameters come from the
// query or, when it has none, from a form body. `+` stays a plus: filters are regular expressions.
// Pure; any thread; nothing fails: what does not decode stays as it is.
// Source: Envoy source/server/admin/admin_filter.cc, source/common/http/path_utility.cc; RFC 3986
// section 5.2.4 and 6.2.2.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::admin {

// Decoded, in their order; a name may repeat, the first counts.
using Parameters = std::vector<std::pair<std::string, std::string>>;

// Null when there is none of that name.
const std::string* FindParameter(const Parameters& parameters, std::string_view name);
// `a=1&b=&c`. `plus_is_space`: as browsers write forms.
Parameters ParseParameters(std::string_view text, bool plus_is_space = false);

std::string NormalizePath(std::string_view path);

// Whether a body of that content-type holds parameters.
bool IsForm(std::string_view content_type);

struct Request {
  std::string method;
  std::string path;
  std::string target;  // the path with the query, as it was sent
  Parameters parameters;
};

// `target` is path and query; `form` the body when IsForm, else empty.
Request MakeRequest(std::string_view method, std::string_view target, std::string_view form = {});

}  // namespace remora::admin
