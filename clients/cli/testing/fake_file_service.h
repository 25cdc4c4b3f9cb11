// A fake of the part of a peer that other peers call.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FILE_SERVICE_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FILE_SERVICE_H_

#include <string>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Answers pings, signed with its key; with another key when `lies`. Thread-safe.
class FakeFileService final : public v1::FileService::Service {
 public:
  explicit FakeFileService(bool lies = false) : lies_(lies) {}

  PublicKey public_key() const { return key_.public_key(); }
  const PrivateKey& private_key() const { return key_; }
  int pings() const;

  grpc::Status Ping(grpc::ServerContext*, const v1::PingRequest* request,
                    v1::PingResponse* response) override;

 private:
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_key_ = PrivateKey::Generate();
  const bool lies_;
  mutable Mutex mutex_;
  int pings_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FILE_SERVICE_H_
