#include "clients/cli/testing/fake_wishes.h"

#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {

std::vector<v1::Wish> FakeWishes::all() const {
  MutexLock lock(&mutex_);
  return wishes_;
}

grpc::Status FakeWishes::AddWish(const v1::AddWishRequest& request, v1::AddWishResponse* response) {
  v1::Wish wish;
  if (request.has_name()) wish.set_name(request.name());
  if (request.has_keywords()) wish.set_keywords(request.keywords());
  if (request.has_content()) *wish.mutable_content() = request.content();
  wish.set_action(request.action());
  wish.set_fetch_limit(request.fetch_limit());
  MutexLock lock(&mutex_);
  wish.set_wish_id(wishes_.size() + 1);
  wishes_.push_back(wish);
  *response->mutable_wish() = wish;
  return grpc::Status::OK;
}

grpc::Status FakeWishes::RemoveWish(const v1::RemoveWishRequest& request, v1::RemoveWishResponse*) {
  MutexLock lock(&mutex_);
  const auto same = [&](const v1::Wish& wish) { return wish.wish_id() == request.wish_id(); };
  if (std::erase_if(wishes_, same) > 0) return grpc::Status::OK;
  return ToGrpcStatus(MakeError(Reason::kWishUnknown, "there is no such wish"));
}

grpc::Status FakeWishes::ListWishes(const v1::ListWishesRequest&,
                                    v1::ListWishesResponse* response) {
  MutexLock lock(&mutex_);
  for (const v1::Wish& wish : wishes_) *response->add_wishes() = wish;
  return grpc::Status::OK;
}

}  // namespace arkshare
