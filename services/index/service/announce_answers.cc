#include "services/index/service/announce_answers.h"

#include <algorithm>
#include <utility>

#include "arkshare/v1/index.pb.h"
#include "services/index/service/announce_wire.h"

namespace arkshare {
namespace {

// Calls to a peer that wait to be written.
constexpr size_t kMostCalls = 64;

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
  response.set_relay_port(std::exchange(relay_port_, 0));
  for (PeerCall& call : calls_) {
    v1::AnnounceResponse::Call& told = *response.add_calls();
    told.set_call_id(std::move(call.id));
    told.set_caller(call.caller);
    told.set_address(std::move(call.address));
  }
  calls_.clear();
  if (!members.has_value()) return EncodeAnswer(response, nullptr);
  members_version_ = members->version;
  return EncodeAnswer(response, &members->bytes);
}

}  // namespace arkshare
