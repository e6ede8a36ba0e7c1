#include "source/http/route/rewrite.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::route {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

std::string_view WithoutQueryAndFragment(std::string_view path) {
  return path.substr(0, path.find_first_of("?#"));
}

// Nothing when the configuration has none, or after a report.
std::optional<RegexSubstitution> CompileRegex(std::optional<RegexSubstitutionConfig> config,
                                              uint32_t max_program_size, std::string_view field,
                                              const RewriteReport& report) {
  if (!config.has_value()) return std::nullopt;
  auto regex = RegexSubstitution::Compile(config->pattern, std::move(config->substitution),
                                          max_program_size);
  if (regex.ok()) return *std::move(regex);
  const absl::string_view message = regex.status().message();
  report(field, {message.data(), message.size()});
  return std::nullopt;
}

std::string_view Scheme(const http::RequestHead& head) {
  return head.scheme.empty() ? std::string_view("http") : head.scheme;
}

}  // namespace

std::optional<std::string> PathRewrite::Apply(std::string_view path,
                                              std::optional<size_t> matched) const {
  if (regex.has_value()) {
    const std::string_view without_query = WithoutQueryAndFragment(path);
    std::optional<std::string> rewritten = regex->Apply(without_query);
    if (rewritten.has_value()) *rewritten += path.substr(without_query.size());
    return rewritten;
  }
  if (prefix.empty() || !matched.has_value()) return std::nullopt;
  return prefix + std::string(path.substr(*matched));
}

std::unique_ptr<const Rewrites> Rewrites::Compile(const ForwardAction& config,
                                                  uint32_t max_program_size,
                                                  const RewriteReport& report) {
  std::unique_ptr<Rewrites> rewrites(new Rewrites);
  rewrites->path_.prefix = config.prefix_rewrite;
  rewrites->path_.regex =
      CompileRegex(config.regex_rewrite, max_program_size, "regex_rewrite", report);
  if (config.regex_rewrite.has_value() && !config.prefix_rewrite.empty()) {
    report("prefix_rewrite", "Specify only one of prefix_rewrite, regex_rewrite or path_rewrite");
  }
  rewrites->kind_ = config.host_rewrite_kind;
  switch (config.host_rewrite_kind) {
    case ForwardAction::HostRewrite::kLiteral:
      rewrites->literal_ = config.host_rewrite;
      if (config.host_rewrite.empty()) rewrites->kind_ = ForwardAction::HostRewrite::kNone;
      break;
    case ForwardAction::HostRewrite::kHeader:
      rewrites->field_.emplace(config.host_rewrite);
      if (config.host_rewrite.empty()) rewrites->kind_ = ForwardAction::HostRewrite::kNone;
      break;
    case ForwardAction::HostRewrite::kPathRegex:
      rewrites->path_regex_ = CompileRegex(config.host_rewrite_path_regex, max_program_size,
                                           "host_rewrite_path_regex", report);
      if (!rewrites->path_regex_.has_value()) return nullptr;
      break;
    case ForwardAction::HostRewrite::kNone:
    case ForwardAction::HostRewrite::kEndpointHostname:
      break;
  }
  rewrites->append_x_forwarded_host_ = config.append_x_forwarded_host;
  const bool none = rewrites->path_.empty() && rewrites->kind_ == ForwardAction::HostRewrite::kNone;
  return none ? nullptr : std::move(rewrites);
}

std::optional<std::string> Rewrites::Host(const http::RequestHead& head) const {
  switch (kind_) {
    case ForwardAction::HostRewrite::kLiteral:
      return literal_;
    case ForwardAction::HostRewrite::kHeader: {
      const std::string_view value = field_->First(head);
      return value.empty() ? std::nullopt : std::optional<std::string>(value);
    }
    case ForwardAction::HostRewrite::kPathRegex: {
      std::optional<std::string> host = path_regex_->Apply(WithoutQueryAndFragment(head.path));
      return host.has_value() && host->empty() ? std::nullopt : std::move(host);
    }
    case ForwardAction::HostRewrite::kNone:
    case ForwardAction::HostRewrite::kEndpointHostname:
      break;
  }
  return std::nullopt;
}

std::unique_ptr<const Redirect> Redirect::Compile(RedirectAction config, uint32_t max_program_size,
                                                  const RewriteReport& report) {
  std::unique_ptr<Redirect> redirect(new Redirect);
  redirect->path_.prefix = std::move(config.prefix_rewrite);
  redirect->path_.regex =
      CompileRegex(std::move(config.regex_rewrite), max_program_size, "regex_rewrite", report);
  redirect->config_ = std::move(config);
  return redirect;
}

// Envoy's processRequestHost: a port that is replaced, or was the old scheme's own, is left out.
std::string_view Redirect::RequestHost(const http::RequestHead& head,
                                       std::string_view scheme) const {
  const std::string_view host = head.authority;
  const bool bracketed = host.starts_with('[');
  size_t colon = host.rfind(bracketed ? "]:" : ":");
  if (colon == std::string_view::npos) return host;
  if (bracketed) ++colon;
  const std::string_view port = host.substr(colon);
  std::string_view old_scheme = head.headers.Get(http::HeaderId::kXForwardedProto);
  if (old_scheme.empty()) old_scheme = Scheme(head);
  bool leave_out = config_.port != 0;
  if (scheme != old_scheme && !config_.keep_port) {
    leave_out |=
        (old_scheme == "https" && port == ":443") || (old_scheme == "http" && port == ":80");
  }
  return leave_out ? host.substr(0, colon) : host;
}

std::string Redirect::Location(const http::RequestHead& head, std::optional<size_t> matched) const {
  const std::string_view scheme = config_.scheme.empty() ? Scheme(head) : config_.scheme;
  const std::string_view host = config_.host.empty() ? RequestHost(head, scheme) : config_.host;
  std::string port;
  if (config_.port != 0) port = absl::StrCat(":", config_.port);
  std::string path(head.path);
  bool own_query = false;
  if (!config_.path.empty()) {
    own_query = config_.path.find('?') != std::string::npos;
    const size_t query = own_query ? std::string::npos : path.find('?');
    path = config_.path + (query == std::string::npos ? "" : path.substr(query));
  } else if (std::optional<std::string> rewritten = path_.Apply(head.path, matched)) {
    path = *std::move(rewritten);
  }
  if (config_.strip_query && !own_query) path.resize(std::min(path.size(), path.find('?')));
  return absl::StrCat(ToAbsl(scheme), "://", ToAbsl(host), port, path);
}

std::string RequestUrl(const http::RequestHead& head) {
  return absl::StrCat(ToAbsl(Scheme(head)), "://", ToAbsl(head.authority), ToAbsl(head.path));
}

}  // namespace remora::route
