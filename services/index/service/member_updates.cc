#include "services/index/service/member_updates.h"

#include <utility>

namespace arkshare {
namespace {

v1::MembersUpdate UpdateSince(const MemberList& older, const MemberList& list) {
  v1::MembersUpdate update;
  update.set_version(list.version());
  const MemberChanges changes = list.Since(older);
  for (const Member& member : changes.set) *update.add_members() = ToProto(member);
  for (const PublicKey& key : changes.removed) update.add_removed_public_keys(key.bytes());
  update.set_signature(list.signature());
  return update;
}

}  // namespace

v1::Member ToProto(const Member& member) {
  v1::Member proto;
  proto.set_public_key(member.key.bytes());
  proto.set_role(static_cast<v1::MemberRole>(member.role));
  proto.set_name(member.name);
  return proto;
}

v1::MembersUpdate WholeUpdate(const MemberList& list) {
  v1::MembersUpdate update;
  update.set_version(list.version());
  update.set_complete(true);
  for (const auto& [key, member] : list.members()) *update.add_members() = ToProto(member);
  update.set_signature(list.signature());
  return update;
}

void MemberUpdates::Set(std::shared_ptr<const MemberList> list) {
  MutexLock lock(&mutex_);
  if (list_ != nullptr) older_.push_back(std::move(list_));
  if (older_.size() > kMostOlder) older_.pop_front();
  list_ = std::move(list);
  made_.clear();
}

std::optional<MemberUpdates::Update> MemberUpdates::From(uint64_t version) {
  MutexLock lock(&mutex_);
  if (list_ == nullptr || version >= list_->version()) return std::nullopt;
  const MemberList* known = nullptr;
  for (const auto& older : older_) {
    if (older->version() == version && version != 0) known = older.get();
  }
  const auto [place, absent] = made_.try_emplace(known == nullptr ? 0 : version);
  if (absent) {
    place->second = grpc::Slice(
        (known == nullptr ? WholeUpdate(*list_) : UpdateSince(*known, *list_)).SerializeAsString());
  }
  return Update{list_->version(), place->second};
}

}  // namespace arkshare
