// The other peers: connections to them, who they are, and how far away.
#ifndef ARKSHARE_SERVICES_PEER_HOLDERS_H_
#define ARKSHARE_SERVICES_PEER_HOLDERS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/time/time.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "lib/rpc/convert.h"

namespace arkshare {

// A peer that has a book, as the index names it.
struct BookHolder {
  uint32_t peer_id = 0;
  PublicKey key;
  std::string address;
  uint64_t listing = 0;
  BookName name;
  bool lends = false;  // its policy is to copy
  absl::Duration round_trip = absl::InfiniteDuration();
};

// Thread-safe.
class Holders {
 public:
  explicit Holders(std::shared_ptr<grpc::ChannelCredentials> credentials)
      : credentials_(std::move(credentials)) {}

  // One channel an address, kept for later calls.
  std::shared_ptr<v1::FileService::Stub> Stub(const std::string& address);

  // Asks all at once who they are. Keeps those that prove their key within `timeout`, nearest
  // first.
  std::vector<BookHolder> Reachable(std::vector<BookHolder> holders, absl::Duration timeout);

 private:
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<v1::FileService::Stub>> stubs_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_HOLDERS_H_
