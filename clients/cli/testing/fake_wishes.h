// The wishes of a fake peer's owner.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_WISHES_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_WISHES_H_

#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class FakeWishes {
 public:
  std::vector<v1::Wish> all() const;

  grpc::Status AddWish(const v1::AddWishRequest& request, v1::AddWishResponse* response);
  grpc::Status RemoveWish(const v1::RemoveWishRequest& request, v1::RemoveWishResponse*);
  grpc::Status ListWishes(const v1::ListWishesRequest&, v1::ListWishesResponse* response);

 private:
  mutable Mutex mutex_;
  std::vector<v1::Wish> wishes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_WISHES_H_
