#include "test/grpc/real_client.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/sync_stream.h>

#include <stdexcept>

namespace remora::fakes {
namespace {

using ::grpc::ByteBuffer;
using ::grpc::internal::RpcMethod;

std::string TextOf(const ByteBuffer& bytes) {
  std::vector<::grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) throw std::runtime_error("a message that cannot be read");
  std::string text;
  for (const ::grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

ByteBuffer BytesOf(const std::string& text) {
  const ::grpc::Slice slice(text);
  return ByteBuffer(&slice, 1);
}

CallResult ResultOf(const ::grpc::Status& status) {
  return {static_cast<int>(status.error_code()), status.error_message(), {}};
}

}  // namespace

struct RealClient::State {
  std::shared_ptr<::grpc::Channel> channel;
};

RealClient::RealClient(const net::Address& server) : state_(std::make_unique<State>()) {
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // No connection of another test's channel.
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  state_->channel = ::grpc::CreateCustomChannel(server.ToString(),
                                                ::grpc::InsecureChannelCredentials(), arguments);
}

RealClient::~RealClient() = default;

CallResult RealClient::Unary(const std::string& path, const std::string& message,
                             std::chrono::milliseconds deadline) {
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  const RpcMethod method(path.c_str(), RpcMethod::NORMAL_RPC);
  const ByteBuffer request = BytesOf(message);
  ByteBuffer response;
  const ::grpc::Status status = ::grpc::internal::BlockingUnaryCall<ByteBuffer, ByteBuffer>(
      state_->channel.get(), method, &context, request, &response);
  CallResult result = ResultOf(status);
  if (status.ok()) result.answer = TextOf(response);
  return result;
}

struct RealClient::Stream::State {
  ::grpc::ClientContext context;
  std::string path;  // the library keeps the pointer
  std::unique_ptr<RpcMethod> method;
  std::unique_ptr<::grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>> call;
};

RealClient::Stream::Stream(RealClient& client, const std::string& path)
    : state_(std::make_unique<State>()) {
  state_->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  state_->path = path;
  state_->method = std::make_unique<RpcMethod>(state_->path.c_str(), RpcMethod::BIDI_STREAMING);
  state_->call.reset(::grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(
      client.state_->channel.get(), *state_->method, &state_->context));
}

RealClient::Stream::~Stream() = default;

bool RealClient::Stream::Write(const std::string& message) {
  return state_->call->Write(BytesOf(message));
}

void RealClient::Stream::EndWriting() { state_->call->WritesDone(); }

bool RealClient::Stream::Read(std::string& message) {
  ByteBuffer bytes;
  if (!state_->call->Read(&bytes)) return false;
  message = TextOf(bytes);
  return true;
}

void RealClient::Stream::Cancel() { state_->context.TryCancel(); }

CallResult RealClient::Stream::Finish() { return ResultOf(state_->call->Finish()); }

}  // namespace remora::fakes
