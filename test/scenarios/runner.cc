#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "source/extensions/registry.h"
#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"
#include "test/scenarios/scenario.h"

namespace remora::scenarios {
namespace {

using harness::Client;
using harness::Field;
using harness::Harness;
using harness::Message;
using harness::Ms;
using harness::ScriptedUpstream;
using harness::Wire;

[[noreturn]] void Mismatch(const std::string& what, const std::string& expected,
                           const std::string& got) {
  throw std::runtime_error(what + ": expected \"" + expected + "\", got \"" + got + "\"");
}

// A busy machine takes longer than the 0 ms that a scenario can name.
std::string WithoutTime(std::string bytes, Wire& wire) {
  constexpr std::string_view kName = "x-envoy-upstream-service-time: ";
  const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  const auto found = std::search(bytes.begin(), bytes.end(), kName.begin(), kName.end(), same);
  if (found == bytes.end()) return bytes;
  const auto begin = static_cast<size_t>(found - bytes.begin()) + kName.size();
  const size_t size = bytes.find_first_not_of("0123456789", begin) - begin;
  bytes.replace(begin, size, "0");
  return bytes + wire.ReceiveExactly(size - 1);
}

std::string Describe(const Message& message) {
  std::string text = message.first_line;
  for (const Field& field : message.fields) text += "\n    " + field.name + ": " + field.value;
  return text + "\n\n    " + message.body.substr(0, 300);
}

// One line of an expectation's head: `name: value`, `name: *` or `! name`.
void ExpectField(const std::string& line, const Message& message) {
  if (line.substr(0, 2) == "! ") {
    const std::string name = line.substr(2);
    if (message.Has(name)) Mismatch("a field that must not be there", line, Describe(message));
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string::npos) throw std::runtime_error("no field: " + line);
  const std::string name = line.substr(0, colon);
  const std::string value = Unescape(line.size() > colon + 2 ? line.substr(colon + 2) : "");
  for (const Field& field : message.fields) {
    if (strcasecmp(field.name.c_str(), name.c_str()) != 0) continue;
    if (value == "*" || field.value == value) return;
  }
  Mismatch("a field", line, Describe(message));
}

void ExpectMessage(const std::vector<std::string>& block, const Message& message) {
  if (block.empty()) throw std::runtime_error("an expectation without lines");
  if (Unescape(block[0]) != message.first_line) {
    Mismatch("the first line", block[0], Describe(message));
  }
  size_t at = 1;
  for (; at < block.size() && !block[at].empty(); ++at) ExpectField(block[at], message);
  if (at == block.size()) return;
  const std::string body =
      BlockBytes({block.begin() + static_cast<ptrdiff_t>(at) + 1, block.end()});
  if (body != message.body) Mismatch("the body", body, Describe(message));
}

class Runner {
 public:
  explicit Runner(const Scenario& scenario) : scenario_(scenario) {}
  ~Runner() {
    if (logs_) std::remove(log_path_.c_str());
  }

  void Run() {
    for (const Directive& directive : scenario_.directives) {
      try {
        Execute(directive);
      } catch (const std::exception& error) {
        throw std::runtime_error(scenario_.name + ":" + std::to_string(directive.line) + ": " +
                                 error.what());
      }
    }
    try {
      Finish();
    } catch (const std::exception& error) {
      throw std::runtime_error(scenario_.name + ": at the end: " + error.what());
    }
  }

 private:
  using Handler = void (Runner::*)(const Directive&);

  void Execute(const Directive& directive) {
    static const std::map<std::string, Handler> kHandlers = {
        {"set", &Runner::Set},
        {"route", &Runner::Route},
        {"direct", &Runner::Direct},
        {"filter", &Runner::Filter},
        {"client", &Runner::OnClient},
        {"upstream", &Runner::OnUpstream},
        {"exchange", &Runner::ExpectExchange},
        {"stat", &Runner::ExpectStat},
        {"log", &Runner::OnLog},
    };
    const auto handler = kHandlers.find(directive.words[0]);
    if (handler == kHandlers.end()) throw std::runtime_error("unknown: " + directive.words[0]);
    const bool describes = directive.words[0] == "set" || directive.words[0] == "route" ||
                           directive.words[0] == "direct" || directive.words[0] == "filter" ||
                           (directive.words[0] == "log" && directive.words.size() > 1);
    if (!describes && !started_) {
      started_ = true;
      harness_.Start();
    }
    if (describes && started_) throw std::runtime_error("configuration behind the first step");
    (this->*handler->second)(directive);
  }

  static std::string Word(const Directive& directive, size_t index) {
    if (index >= directive.words.size()) throw std::runtime_error("a word is missing");
    return directive.words[index];
  }

  // --- configuration ---

  // An HTTP filter: the type of its configuration, and that as protobuf text.
  void Filter(const Directive& directive) {
    const google::protobuf::Descriptor* type =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
            Word(directive, 1));
    if (type == nullptr) throw std::runtime_error("unknown type " + Word(directive, 1));
    const std::unique_ptr<google::protobuf::Message> proto(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
    std::string text;
    for (const std::string& line : directive.block) text += line + "\n";
    fakes::ParseText(text, *proto);
    config::Registry registry;
    extensions::RegisterAll(registry);
    std::string errors;
    http::FilterFactory factory = fakes::ParseFilter(registry, type->name(), *proto, errors);
    if (!errors.empty()) throw std::runtime_error(errors);
    harness_.Filter(std::move(factory));
  }

  void Set(const Directive& directive) {
    const std::string name = Word(directive, 1);
    const std::string value = Word(directive, 2);
    connection_manager::Config& manager = harness_.Manager();
    const std::map<std::string, bool*> switches = {
        {"accept_http_10", &manager.accept_http_10},
        {"allow_absolute_url", &manager.allow_absolute_url},
        {"enable_trailers", &manager.enable_trailers},
        {"use_remote_address", &manager.use_remote_address},
        {"generate_request_id", &manager.generate_request_id},
        {"preserve_external_request_id", &manager.preserve_external_request_id},
        {"skip_xff_append", &manager.skip_xff_append},
        {"append_x_forwarded_port", &manager.append_x_forwarded_port},
        {"allow_chunked_length", &manager.allow_chunked_length},
        {"always_set_request_id_in_response", &manager.always_set_request_id_in_response},
        {"normalize_path", &manager.normalize_path},
        {"proxy_100_continue", &manager.proxy_100_continue},
        {"keep_after_refusal", &manager.keep_after_refusal},
        {"merge_slashes", &manager.merge_slashes},
        {"strip_trailing_host_dot", &manager.strip_trailing_host_dot},
        {"http1_safe_max_connection_duration", &manager.http1_safe_max_connection_duration},
        {"upstream_trailers", &harness_.Cluster("up").enable_trailers},
    };
    const std::map<std::string, uint32_t*> numbers = {
        {"max_request_headers", &manager.max_request_headers},
        {"max_request_header_bytes", &manager.max_request_header_bytes},
        {"xff_num_trusted_hops", &manager.xff_num_trusted_hops},
        {"max_requests_per_connection", &manager.max_requests_per_connection},
    };
    const std::map<std::string, event::Duration*> times = {
        {"idle_timeout_ms", &manager.idle_timeout},
        {"stream_idle_timeout_ms", &manager.stream_idle_timeout},
        {"request_timeout_ms", &manager.request_timeout},
        {"request_headers_timeout_ms", &manager.request_headers_timeout},
        {"max_stream_duration_ms", &manager.max_stream_duration},
        {"max_connection_duration_ms", &manager.max_connection_duration},
        {"drain_timeout_ms", &manager.drain_timeout},
        {"delayed_close_timeout_ms", &manager.delayed_close_timeout},
    };
    const std::map<std::string, std::string*> texts = {
        {"via", &manager.via},
        {"scheme_to_overwrite", &manager.scheme_to_overwrite},
        {"server_name", &manager.server_name},
    };
    if (const auto found = switches.find(name); found != switches.end()) {
      *found->second = value == "true";
    } else if (const auto number = numbers.find(name); number != numbers.end()) {
      *number->second = static_cast<uint32_t>(std::stoul(value));
    } else if (const auto time = times.find(name); time != times.end()) {
      *time->second = Ms(std::stoll(value));
    } else if (const auto text = texts.find(name); text != texts.end()) {
      *text->second = value;
    } else if (!SetChoice(name, value)) {
      throw std::runtime_error("unknown setting " + name);
    }
  }

  // A setting that takes one of several words, or is one of several.
  bool SetChoice(const std::string& name, const std::string& value) {
    using connection_manager::EscapedSlashes;
    using connection_manager::StripPort;
    connection_manager::Config& manager = harness_.Manager();
    if (name == "upgrade") manager.upgrades.push_back({value, true});
    if (name == "no_upgrade") manager.upgrades.push_back({value, false});
    if (name == "upgrade" || name == "no_upgrade") return true;
    // Of the routes behind it.
    if (name == "ends_connect") {
      ends_connect_ = value == "true";
      return true;
    }
    const std::map<std::string, std::function<void()>> choices = {
        {"name_case proper", [&] { manager.name_case = http::NameCase::kProper; }},
        {"name_case as_received", [&] { manager.name_case = http::NameCase::kAsReceived; }},
        {"upstream_name_case proper",
         [&] { harness_.Cluster("up").name_case = http::NameCase::kProper; }},
        {"upstream_name_case as_received",
         [&] { harness_.Cluster("up").name_case = http::NameCase::kAsReceived; }},
        {"underscores reject", [&] { manager.underscore_names = http::UnderscoreNames::kReject; }},
        {"underscores drop", [&] { manager.underscore_names = http::UnderscoreNames::kDrop; }},
        {"escaped_slashes reject", [&] { manager.escaped_slashes = EscapedSlashes::kReject; }},
        {"escaped_slashes redirect", [&] { manager.escaped_slashes = EscapedSlashes::kRedirect; }},
        {"escaped_slashes forward", [&] { manager.escaped_slashes = EscapedSlashes::kForward; }},
        {"strip_port any", [&] { manager.strip_port = StripPort::kAny; }},
        {"strip_port matching", [&] { manager.strip_port = StripPort::kMatching; }},
    };
    const auto found = choices.find(name + " " + value);
    if (found == choices.end()) return false;
    found->second();
    return true;
  }

  // route [domain] prefix cluster
  void Route(const Directive& directive) {
    const size_t last = directive.words.size() - 1;
    const std::string domain = last == 3 ? Word(directive, 1) : "*";
    const std::string cluster = Word(directive, last);
    if (cluster == "up") UpstreamServer();
    route::RouteConfig& route = harness_.Route(Word(directive, last - 1), cluster, domain);
    if (!ends_connect_) return;
    route.match.kind = route::PathMatch::Kind::kConnect;
    std::get<route::ForwardAction>(route.action).upgrades.push_back({"CONNECT", true, true});
  }

  // direct [domain] prefix status body...
  void Direct(const Directive& directive) {
    size_t at = 1;
    const std::string domain = Word(directive, 1)[0] == '/' ? "*" : Word(directive, at++);
    const std::string prefix = Word(directive, at++);
    const auto status = static_cast<uint32_t>(std::stoul(Word(directive, at++)));
    std::string body;
    for (; at < directive.words.size(); ++at)
      body += (body.empty() ? "" : " ") + directive.words[at];
    harness_.DirectResponse(prefix, status, body, domain);
  }

  ScriptedUpstream& UpstreamServer() {
    if (!upstream_.has_value()) upstream_ = harness_.Upstream("up");
    return *upstream_;
  }

  // --- steps ---

  void OnClient(const Directive& directive) {
    const std::string what = Word(directive, 1);
    if (what == "connects") {
      if (client_.has_value()) CheckLeftover("client", *client_);
      client_.emplace(
          harness_.Connect("main", directive.words.size() > 2 ? directive.words[2] : ""));
      return;
    }
    if (!client_.has_value()) client_.emplace(harness_.Connect());
    bodiless_ = directive.words.size() > 2 && directive.words[2] == "head";
    Step(*client_, what, directive, [this] { return client_->ReceiveResponse(bodiless_); });
  }

  void OnUpstream(const Directive& directive) {
    const std::string what = Word(directive, 1);
    if (what == "accepts" || servers_.empty()) servers_.push_back(UpstreamServer().Accept());
    if (what == "accepts") return;
    Step(servers_.back(), what, directive, [this] { return servers_.back().ReceiveRequest(); });
  }

  void Step(Wire& wire, const std::string& what, const Directive& directive,
            const std::function<Message()>& receive) {
    const std::string object = directive.words.size() > 2 ? directive.words[2] : "";
    if (what == "sends") {
      // A peer that refuses what is sent may end the connection before it has taken all of it.
      wire.SendUnlessClosed(BlockBytes(directive.block));
    } else if (what == "half-closes") {
      wire.HalfClose();
    } else if (what == "closes") {
      wire.Close();
    } else if (what == "resets") {
      wire.Reset();
    } else if (what != "receives") {
      throw std::runtime_error("unknown step " + what);
    } else if (object == "end") {
      wire.AwaitEnd();
    } else if (object == "raw") {
      const std::string bytes = BlockBytes(directive.block);
      const std::string got = WithoutTime(wire.ReceiveExactly(bytes.size()), wire);
      if (got != bytes) Mismatch("the bytes", bytes, got);
    } else if (object == "cut") {
      ExpectCut(wire, directive.words[0]);
    } else {
      ExpectMessage(directive.block, receive());
    }
  }

  // The connection ends, and what came is not a whole message.
  static void ExpectCut(Wire& wire, const std::string& who) {
    std::string rest = wire.ReceiveAll();
    const auto kind =
        who == "client" ? harness::MessageKind::kResponse : harness::MessageKind::kRequest;
    const std::optional<Message> whole = harness::TakeMessage(rest, kind);
    if (whole.has_value()) Mismatch("a message cut short", "no whole message", Describe(*whole));
  }

  void ExpectExchange(const Directive& directive) {
    const harness::Exchange exchange = harness_.NextExchange();
    std::string got = std::to_string(exchange.status) + " " + exchange.flags;
    std::string expected = Word(directive, 1) + " " + Word(directive, 2);
    if (directive.words.size() > 3) {
      got += " " + exchange.details;
      expected += " " + directive.words[3];
    }
    if (got != expected) Mismatch("the exchange", expected, got);
  }

  void ExpectStat(const Directive& directive) {
    harness_.AwaitStat(Word(directive, 1), std::stoull(Word(directive, 2)));
  }

  // --- the access log ---

  // log format: the block is the format of a line. log: the block is the lines that must have come
  // by now, and no others.
  void OnLog(const Directive& directive) {
    if (directive.words.size() > 1) {
      LogTo(directive);
    } else {
      ExpectLines(directive);
    }
  }

  void LogTo(const Directive& directive) {
    std::string text;
    for (const std::string& line : directive.block) text += line + "\n";
    auto format = formatter::Format::Parse(text, {.escape_controls = true});
    if (!format.ok()) throw std::runtime_error(std::string(format.status().message()));
    const int fd = mkstemp(log_path_.data());
    if (fd < 0) throw std::runtime_error("no file for the log");
    close(fd);
    harness_.Logs().flush_bytes = 1;
    harness_.Manager().access_log.push_back(std::make_shared<const access_log::Logger>(
        access_log::Logger{log_path_, formatter::Template(*std::move(format)), std::nullopt}));
    logs_ = true;
  }

  void ExpectLines(const Directive& directive) {
    if (!logs_) throw std::runtime_error("there is no log");
    log_lines_ += directive.block.size();
    harness_.AwaitStat("filesystem.write_completed", log_lines_);
    std::ifstream file(log_path_);
    std::string got;
    std::string line;
    for (size_t i = 0; std::getline(file, line); ++i) {
      if (i >= log_lines_ - directive.block.size()) got += line + "\n";
    }
    std::string expected;
    for (const std::string& one : directive.block) expected += Unescape(one) + "\n";
    if (got != expected) Mismatch("the log", expected, got);
  }

  // --- the end: nothing may have been sent that the scenario does not know of ---

  static void CheckLeftover(const char* whose, Wire& wire) {
    if (!wire.open()) return;
    const std::string rest = wire.ReceiveAll();
    if (!rest.empty()) Mismatch(std::string("bytes left for the ") + whose, "", rest);
  }

  void Finish() {
    harness_.Stop();
    if (client_.has_value()) CheckLeftover("client", *client_);
    if (!upstream_.has_value()) return;
    while (upstream_->HasConnection()) servers_.push_back(upstream_->Accept());
    for (Wire& server : servers_) CheckLeftover("upstream", server);
  }

  const Scenario& scenario_;
  Harness harness_;
  std::optional<ScriptedUpstream> upstream_;
  bool started_ = false;
  bool bodiless_ = false;
  bool ends_connect_ = false;
  std::optional<Client> client_;
  std::vector<Wire> servers_;
  bool logs_ = false;
  std::string log_path_ = "/tmp/remora_scenario_XXXXXX";
  size_t log_lines_ = 0;  // expected so far
};

}  // namespace

void RunScenario(const Scenario& scenario) {
  Runner runner(scenario);
  runner.Run();
}

}  // namespace remora::scenarios
