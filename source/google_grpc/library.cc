// The gRPC library behind source/grpc/google_call.h: one completion queue and its thread, and calls
// whose steps it reports.

#include <grpc/support/log.h>
#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "source/grpc/google_call.h"

namespace remora::google_grpc {
namespace {

using remora::grpc::GoogleCall;
using remora::grpc::GoogleCallPtr;
using remora::grpc::GoogleCallSetup;
using remora::grpc::GoogleEvent;
using remora::grpc::GoogleEvents;
using remora::grpc::GoogleLibrary;
using remora::grpc::GoogleLog;
using remora::grpc::GoogleSeverity;
using remora::grpc::GoogleStep;
using remora::grpc::GoogleTarget;

auto CredentialsOf(const GoogleTarget& target) {
  switch (target.credentials) {
    case GoogleTarget::Credentials::kTls:
      return ::grpc::SslCredentials({.pem_root_certs = target.root_certs,
                                     .pem_private_key = target.private_key,
                                     .pem_cert_chain = target.cert_chain});
    case GoogleTarget::Credentials::kGoogleDefault: {
      // Once they are there: looking for them may ask the network. The library's calls begin on
      // one thread.
      static std::shared_ptr<::grpc::ChannelCredentials> found;
      if (found == nullptr) found = ::grpc::GoogleDefaultCredentials();
      return found;
    }
    case GoogleTarget::Credentials::kLocal:
      return ::grpc::experimental::LocalCredentials(UDS);
    case GoogleTarget::Credentials::kNone:
      break;
  }
  return ::grpc::InsecureChannelCredentials();
}

auto ChannelTo(const GoogleTarget& target) {
  ::grpc::ChannelArguments arguments;
  // Else a channel waits for the back-off of the one before.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (const auto& [name, value] : target.channel_args) {
    if (const int64_t* const number = std::get_if<int64_t>(&value)) {
      arguments.SetInt(name, static_cast<int>(*number));
    } else {
      arguments.SetString(name, std::get<std::string>(value));
    }
  }
  return ::grpc::CreateCustomChannel(target.uri, CredentialsOf(target), arguments);
}

std::string TextOf(const ::grpc::ByteBuffer& bytes) {
  std::string text;
  std::vector<::grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return text;
  text.reserve(bytes.Length());
  for (const ::grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

// Its steps are tags of the queue, and so is that its owner lets go of it: the queue's thread ends
// it behind the last of them.
class Call final : public GoogleCall {
 public:
  Call(const GoogleCallSetup& setup, ::grpc::CompletionQueue& queue, GoogleEvents& events)
      : id_(setup.call), queue_(queue), events_(events), stub_(ChannelTo(setup.target)) {
    for (const auto& [name, value] : setup.metadata) context_.AddMetadata(name, value);
    if (setup.timeout > 0) {
      context_.set_deadline(std::chrono::system_clock::now() +
                            std::chrono::nanoseconds(setup.timeout));
    }
    stream_ = stub_.PrepareCall(&context_, std::string(setup.path), &queue);
    stream_->StartCall(Begin(start_));
  }

  // GoogleCall
  void Read() override { stream_->Read(&message_, Begin(read_)); }
  void Write(std::string_view message) override {
    const ::grpc::Slice slice(message.data(), message.size());
    stream_->Write(::grpc::ByteBuffer(&slice, 1), Begin(write_));
  }
  void EndWriting() override { stream_->WritesDone(Begin(end_writing_)); }
  void Finish() override { stream_->Finish(&status_, Begin(finish_)); }
  void LetGo() override {
    context_.TryCancel();
    let_go_.Set(&queue_, std::chrono::system_clock::now(), &last_);
  }

  struct Tag {
    Call& call;
    std::optional<GoogleStep> step;  // none: it was let go of
  };

  // In the queue's thread. True: that was all, and it can go.
  bool OnDone(const Tag& tag, bool ok) {
    if (tag.step.has_value()) Report(*tag.step, ok);
    return holders_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

 private:
  void Report(GoogleStep step, bool ok) {
    GoogleEvent event{id_, step, ok, 0, {}};
    if (step == GoogleStep::kRead && ok) {
      event.text = TextOf(message_);
      message_.Clear();
    } else if (step == GoogleStep::kFinish) {
      event.code = status_.error_code();
      event.text = status_.error_message();
    }
    events_.OnEvent(std::move(event));
  }
  void* Begin(Tag& tag) {
    holders_.fetch_add(1, std::memory_order_relaxed);
    return &tag;
  }

  const uint64_t id_;
  ::grpc::CompletionQueue& queue_;
  GoogleEvents& events_;
  ::grpc::GenericStub stub_;
  ::grpc::ClientContext context_;
  ::grpc::ByteBuffer message_;
  ::grpc::Status status_;
  std::unique_ptr<::grpc::GenericClientAsyncReaderWriter> stream_;
  std::atomic<int> holders_ = 1;  // the owner, and steps that were begun
  Tag start_{*this, GoogleStep::kStart};
  Tag read_{*this, GoogleStep::kRead};
  Tag write_{*this, GoogleStep::kWrite};
  Tag end_writing_{*this, GoogleStep::kEndWriting};
  Tag finish_{*this, GoogleStep::kFinish};
  Tag last_{*this, std::nullopt};
  ::grpc::Alarm let_go_;
};

class Library final : public GoogleLibrary {
 public:
  explicit Library(GoogleEvents& events) : events_(events), thread_([this] { Run(); }) {
    pthread_setname_np(thread_.native_handle(), "google_grpc");
  }
  ~Library() override {
    queue_.Shutdown();
    thread_.join();
  }

  GoogleCallPtr Start(const GoogleCallSetup& setup) override {
    return GoogleCallPtr(new Call(setup, queue_, events_));
  }

 private:
  void Run() {
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      const auto* const done = static_cast<Call::Tag*>(tag);
      Call* const call = &done->call;
      if (call->OnDone(*done, ok)) std::unique_ptr<Call>(call).reset();
    }
  }

  GoogleEvents& events_;
  ::grpc::CompletionQueue queue_;
  std::thread thread_;
};

std::atomic<GoogleLog> log_to = nullptr;

void WriteLog(gpr_log_func_args* line) {
  const GoogleLog log = log_to;
  switch (line->severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return log(GoogleSeverity::kDebug, line->message);
    case GPR_LOG_SEVERITY_INFO:
      return log(GoogleSeverity::kInfo, line->message);
    case GPR_LOG_SEVERITY_ERROR:
      return log(GoogleSeverity::kError, line->message);
  }
}

}  // namespace
}  // namespace remora::google_grpc

extern "C" remora::grpc::GoogleLibrary* RemoraGoogleGrpc1(remora::grpc::GoogleEvents* events,
                                                          remora::grpc::GoogleLog log) {
  remora::google_grpc::log_to = log;
  gpr_set_log_function(&remora::google_grpc::WriteLog);
  return new remora::google_grpc::Library(*events);
}

static_assert(std::is_same_v<decltype(&RemoraGoogleGrpc1), remora::grpc::GoogleOpen>);
