#include "services/index/service/announce_answers.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <string>
#include <utility>

#include "arkshare/v1/index.pb.h"

namespace arkshare {
namespace {

// Calls to a peer that wait to be written.
constexpr size_t kMostCalls = 64;

// Returns the bytes before those of AnnounceResponse.members, which all streams share.
std::string MembersHeader(size_t size) {
  using google::protobuf::internal::WireFormatLite;
  std::string header;
  google::protobuf::io::StringOutputStream stream(&header);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.WriteTag(WireFormatLite::MakeTag(v1::AnnounceResponse::kMembersFieldNumber,
                                          WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  output.WriteVarint32(static_cast<uint32_t>(size));
  output.Trim();
  return header;
}

}  // namespace

void AnnounceAnswers::Acknowledge(uint64_t number, uint64_t revision) {
  acknowledged_ = std::max(acknowledged_, number);
  revision_ = std::max(revision_, revision);
  unanswered_ = begun_ = true;
}

void AnnounceAnswers::AddCall(PeerCall call) {
  if (calls_.size() < kMostCalls) calls_.push_back(std::move(call));
}

bool AnnounceAnswers::SetMembersVersion(uint64_t version) {
  if (members_version_.has_value()) return false;
  members_version_ = version;
  return true;
}

std::optional<grpc::ByteBuffer> AnnounceAnswers::Take(MemberUpdates& updates) {
  if (!begun_) return std::nullopt;
  std::optional<MemberUpdates::Update> members;
  if (members_version_.has_value()) members = updates.From(*members_version_);
  if (!unanswered_ && unreachable_ == told_unreachable_ && !members.has_value() && calls_.empty()) {
    return std::nullopt;
  }
  unanswered_ = false;
  told_unreachable_ = unreachable_;
  v1::AnnounceResponse response;
  response.set_acknowledged_sequence(acknowledged_);
  response.set_unreachable(unreachable_);
  response.set_revision(revision_);
  for (PeerCall& call : calls_) {
    v1::AnnounceResponse::Call& told = *response.add_calls();
    told.set_call_id(std::move(call.id));
    told.set_caller(call.caller);
  }
  calls_.clear();
  std::string bytes = response.SerializeAsString();
  if (!members.has_value()) {
    const grpc::Slice slice(bytes);
    return grpc::ByteBuffer(&slice, 1);
  }
  members_version_ = members->version;
  bytes += MembersHeader(members->bytes.size());
  const grpc::Slice slices[] = {grpc::Slice(bytes), members->bytes};
  return grpc::ByteBuffer(slices, 2);
}

}  // namespace arkshare
