#include "services/index/service/member_updates.h"

#include <utility>

#include "arkshare/v1/types.pb.h"
#include "lib/rpc/member_protos.h"

namespace arkshare {

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
