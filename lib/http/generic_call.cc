#include "lib/http/generic_call.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>

namespace arkshare {
namespace {

using Traits = grpc::SerializationTraits<google::protobuf::Message>;

// There is one operation at a time, so its tag tells nothing.
void* const kTag = nullptr;

}  // namespace

GenericCall::GenericCall(const std::shared_ptr<grpc::Channel>& channel,
                         const GenericCallOptions& options,
                         const google::protobuf::Message& request) {
  for (const auto& [name, value] : options.metadata) context_.AddMetadata(name, value);
  if (options.timeout.has_value()) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoMicroseconds(*options.timeout));
  }
  bool own_buffer = false;
  if (!Traits::Serialize(request, &bytes_, &own_buffer).ok()) context_.TryCancel();
  grpc::GenericStub stub(channel);
  stream_ = stub.PrepareCall(&context_, options.method, &queue_);
  // The request goes out with the metadata, so nothing is to be waited for between them.
  context_.set_initial_metadata_corked(true);
  stream_->StartCall(kTag);
  stream_->WriteLast(bytes_, grpc::WriteOptions(), kTag);
}

GenericCall::~GenericCall() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void GenericCall::Advance() {
  switch (step_) {
    case Step::kWrite:
    case Step::kIdle:
      step_ = Step::kRead;
      stream_->Read(&bytes_, kTag);
      return;
    case Step::kRead:
      step_ = Step::kIdle;
      return;
    case Step::kBroken:
      return;
  }
}

GenericCall::Next GenericCall::Read(google::protobuf::Message* message, absl::Duration limit) {
  const auto until = std::chrono::system_clock::now() + absl::ToChronoMicroseconds(limit);
  if (step_ == Step::kIdle) Advance();
  while (step_ != Step::kIdle && step_ != Step::kBroken) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::TIMEOUT) return Next::kQuiet;
    if (!ok) {
      step_ = Step::kBroken;
    } else {
      Advance();
    }
  }
  if (step_ == Step::kBroken) return Next::kEnd;
  if (Traits::Deserialize(&bytes_, message).ok()) return Next::kMessage;
  context_.TryCancel();
  step_ = Step::kBroken;
  return Next::kEnd;
}

grpc::Status GenericCall::Finish() {
  void* tag = nullptr;
  bool ok = false;
  const bool running = step_ != Step::kIdle && step_ != Step::kBroken;
  if (running) queue_.Next(&tag, &ok);
  step_ = Step::kBroken;
  grpc::Status status;
  stream_->Finish(&status, kTag);
  queue_.Next(&tag, &ok);
  return status;
}

}  // namespace arkshare
