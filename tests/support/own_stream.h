// The state of a peer as PeerService.WatchOwn tells it to its owner, kept as a page keeps it.
#ifndef ARKSHARE_TESTS_SUPPORT_OWN_STREAM_H_
#define ARKSHARE_TESTS_SUPPORT_OWN_STREAM_H_

#include <absl/functional/function_ref.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "arkshare/v1/peer.grpc.pb.h"
#include "tests/support/process.h"
#include "tests/support/programs.h"

namespace arkshare {

// A stream, and the latest value under each key. Not thread-safe.
class OwnStream {
 public:
  // Ends by itself after kPatience.
  explicit OwnStream(PeerProcess& peer, const v1::WatchOwnRequest& request = {});
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;

  // Reads on until `done` holds; false when the stream ends before.
  bool Until(absl::FunctionRef<bool()> done);
  bool UntilComplete() {
    return Until([this] { return complete; });
  }
  // The only wish; an empty one when there is none or several.
  v1::Wish wish() const { return wishes.size() == 1 ? wishes.begin()->second : v1::Wish(); }

  std::string boot_id;
  bool complete = false;
  int messages = 0;
  std::optional<v1::GetStatusResponse> status;
  std::map<std::string, v1::Transfer> transfers;    // by id
  std::map<uint64_t, v1::Upload> uploads;           // by id, those that run or wait now
  std::map<uint64_t, v1::Upload> ended_uploads;     // by id, as they were last
  std::map<std::string, v1::LibraryEntry> library;  // by path
  std::map<std::string, v1::LimboEntry> limbo;      // by transfer id
  std::map<uint64_t, v1::Wish> wishes;              // by id

 private:
  void Apply(const v1::WatchOwnResponse& message);

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchOwnResponse>> reader_;
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_OWN_STREAM_H_
