#include "test/grpc/real_server.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>

namespace remora::fakes {
namespace {

constexpr std::chrono::seconds kPatience{30};

std::string TextOf(const ::grpc::ByteBuffer& bytes) {
  std::vector<::grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) throw std::runtime_error("a message that cannot be read");
  std::string text;
  for (const ::grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

::grpc::ByteBuffer BytesOf(const std::string& text) {
  const ::grpc::Slice slice(text);
  return ::grpc::ByteBuffer(&slice, 1);
}

}  // namespace

struct RealServer::State {
  class Call;
  class Service final : public ::grpc::CallbackGenericService {
   public:
    explicit Service(State& state) : state_(state) {}
    ::grpc::ServerGenericBidiReactor* CreateReactor(
        ::grpc::GenericCallbackServerContext* context) override;

   private:
    State& state_;
  };

  template <class Condition>
  void Await(const char* what, const Condition& condition) {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, kPatience, condition)) {
      throw std::runtime_error(std::string("the gRPC server waits in vain for ") + what);
    }
  }

  Service service{*this};
  std::unique_ptr<::grpc::Server> server;
  int port = 0;
  std::mutex mutex;  // the rest
  std::condition_variable changed;
  std::map<Call*, std::unique_ptr<Call>> open;
  std::vector<std::string> messages;
  std::vector<std::string> fields;
  Method method;
  bool converses = false;  // calls go on behind an answer
  size_t calls = 0;
  size_t cancelled = 0;
};

class RealServer::State::Call final : public ::grpc::ServerGenericBidiReactor {
 public:
  Call(State& state, const std::string& path)
      : state_(state), method_(path.substr(path.rfind('/') + 1)) {}

  void Begin(::grpc::GenericCallbackServerContext& context) {
    if (method_ == "Fields") {
      const auto& fields = context.client_metadata();
      const auto found = fields.find("x-ask");
      const std::string asked = found == fields.end()
                                    ? "nothing"
                                    : std::string(found->second.data(), found->second.size());
      context.AddInitialMetadata("x-got", asked);
      context.AddTrailingMetadata("x-end", "yes");
      StartSendInitialMetadata();
    }
    if (method_ == "Fail") {
      return Finish({::grpc::StatusCode::FAILED_PRECONDITION, "no: 100% \xc3\xbc\n"});
    }
    if (method_ != "Stuck") StartRead(&read_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return OnAllRead();
    std::string text = TextOf(read_);
    bytes_ += text.size();
    ++count_;
    {
      const std::lock_guard lock(state_.mutex);
      state_.messages.push_back(text);
      state_.changed.notify_all();
    }
    if (method_ == "Echo") return Write(text);
    if (const Method method = FindMethod()) return Answer(method(text));
    if (method_ == "Many" && std::sscanf(text.c_str(), "%zu %zu", &left_, &size_) == 2) {
      return WriteNext();
    }
    StartRead(&read_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok || ending_) return Finish(::grpc::Status::OK);
    if (method_ == "Many") return WriteNext();
    StartRead(&read_);
  }

  void OnCancel() override {
    const std::lock_guard lock(state_.mutex);
    ++state_.cancelled;
    state_.changed.notify_all();
    cancelled_ = true;
    if (method_ == "Silent" || method_ == "Stuck" || silent_) Finish(::grpc::Status::CANCELLED);
  }

  // The library is done with it.
  void OnDone() override {
    State& state = state_;
    const std::lock_guard lock(state.mutex);
    state.open.erase(this);
    state.changed.notify_all();
  }

 private:
  Method FindMethod() {
    const std::lock_guard lock(state_.mutex);
    const bool named = method_ == "Swallow" || method_ == "Many" || method_ == "Fail" ||
                       method_ == "Fields" || method_ == "Silent" || method_ == "Stuck";
    return named ? Method() : state_.method;
  }
  bool Converses() {
    const std::lock_guard lock(state_.mutex);
    return state_.converses;
  }
  void Answer(const std::optional<std::string>& answer) {
    const bool converses = Converses();
    if (answer.has_value()) {
      ending_ = !converses;
      return Write(*answer);
    }
    if (converses) return StartRead(&read_);
    const std::lock_guard lock(state_.mutex);
    silent_ = true;
    if (cancelled_) Finish(::grpc::Status::CANCELLED);
  }
  void OnAllRead() {
    if (method_ == "Silent") return;
    if (method_ == "Echo" || Converses()) return Finish(::grpc::Status::OK);
    ending_ = true;
    Write(std::to_string(count_) + " " + std::to_string(bytes_));
  }
  void Write(const std::string& text) {
    write_ = BytesOf(text);
    StartWrite(&write_);
  }
  void WriteNext() {
    if (left_-- == 0) return Finish(::grpc::Status::OK);
    Write(std::string(size_, 'm'));
  }

  State& state_;
  const std::string method_;
  ::grpc::ByteBuffer read_;
  ::grpc::ByteBuffer write_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  size_t left_ = 0;
  size_t size_ = 0;
  bool ending_ = false;
  bool silent_ = false;  // under the mutex, as the next
  bool cancelled_ = false;
};

::grpc::ServerGenericBidiReactor* RealServer::State::Service::CreateReactor(
    ::grpc::GenericCallbackServerContext* context) {
  auto call = std::make_unique<Call>(state_, context->method());
  Call* const begun = call.get();
  {
    const std::lock_guard lock(state_.mutex);
    ++state_.calls;
    state_.open.emplace(begun, std::move(call));
    state_.fields = {"authority=" + context->host()};
    for (const auto& [name, value] : context->client_metadata()) {
      state_.fields.push_back(std::string(name.data(), name.size()) + "=" +
                              std::string(value.data(), value.size()));
    }
    std::sort(state_.fields.begin(), state_.fields.end());
    state_.changed.notify_all();
  }
  begun->Begin(*context);
  return begun;
}

RealServer::RealServer(uint16_t port) : state_(std::make_unique<State>()) {
  ::grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), ::grpc::InsecureServerCredentials(),
                           &state_->port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(&state_->service);
  state_->server = builder.BuildAndStart();
  if (state_->server == nullptr) throw std::runtime_error("the gRPC server does not start");
}

RealServer::~RealServer() { Stop(); }

void RealServer::Stop() {
  if (state_->server == nullptr) return;
  state_->server->Shutdown(std::chrono::system_clock::now());
  state_->server->Wait();
  state_->Await("its calls to end", [this] { return state_->open.empty(); });
  state_->server.reset();
}

net::Address RealServer::address() const {
  return *net::Address::Ip("127.0.0.1", static_cast<uint16_t>(state_->port));
}

void RealServer::Answer(Method method) {
  const std::lock_guard lock(state_->mutex);
  state_->method = std::move(method);
}

void RealServer::Converse(Method method) {
  Answer(std::move(method));
  const std::lock_guard lock(state_->mutex);
  state_->converses = true;
}

std::vector<std::string> RealServer::messages() const {
  const std::lock_guard lock(state_->mutex);
  return state_->messages;
}

std::vector<std::string> RealServer::AwaitMessages(size_t count) const {
  state_->Await("messages", [&] { return state_->messages.size() >= count; });
  return messages();
}

size_t RealServer::calls() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}

size_t RealServer::cancelled() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cancelled;
}

void RealServer::AwaitCancelled(size_t count) const {
  state_->Await("a cancelled call", [&] { return state_->cancelled >= count; });
}

std::vector<std::string> RealServer::last_fields() const {
  const std::lock_guard lock(state_->mutex);
  return state_->fields;
}

}  // namespace remora::fakes
