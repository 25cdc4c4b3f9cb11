// An index and the peers around it, each started in one line by tests of whole programs.
#ifndef ARKSHARE_TESTS_SUPPORT_CLUSTER_H_
#define ARKSHARE_TESTS_SUPPORT_CLUSTER_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "tests/support/programs.h"
#include "tests/support/temp_dir.h"

namespace arkshare {

// ASSERT_TRUE(Ok(Something())).
inline testing::AssertionResult Ok(const absl::Status& status) {
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status;
}
template <typename T>
testing::AssertionResult Ok(const absl::StatusOr<T>& value) {
  return Ok(value.status());
}

// A PeerService.Fetch on its way; the transfer goes on when it is destroyed.
class PendingFetch {
 public:
  PendingFetch(PeerProcess& peer, const v1::FetchRequest& request);
  ~PendingFetch();

  // The final state, or the error with its Reason; kPeerUnreachable when the peer dies.
  absl::StatusOr<v1::Transfer> Await(absl::Duration timeout = kPatience);
  // The last state of the transfer that the peer sent.
  v1::Transfer last() const;
  // Until `predicate` holds of what the peer says of it, or the fetch has ended.
  bool WaitFor(const std::function<bool(const v1::Transfer&)>& predicate,
               absl::Duration timeout = kPatience);

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::FetchResponse>> reader_;
  mutable Mutex mutex_;
  CondVar changed_;
  v1::Transfer last_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Errors of calls carry their Reason (lib/core/errors.h).
class Cluster {
 public:
  // Starts the index.
  absl::Status Start(std::string lease = "2s", std::map<std::string, std::string> index_env = {},
                     std::vector<std::string> index_args = {});
  // Starts an index with keys. StartPeer then invites each peer by its name.
  absl::Status StartGroup(std::string lease = "2s",
                          std::map<std::string, std::string> index_env = {},
                          std::vector<std::string> index_args = {});

  // Where the peer named `name` lives: books/, log, control.sock. Made when missing.
  std::string Folder(const std::string& name);
  // Its shared folder; made when missing, so that books can be written before the peer starts.
  std::string Books(const std::string& name);

  // Starts a peer on its folder and waits until it is online and has hashed all its books.
  // `options` may set policy, args and env.
  absl::Status StartPeer(const std::string& name, PeerOptions options = {});
  PeerProcess& peer(const std::string& name) { return *peers_.at(name); }
  IndexProcess& index() { return *index_; }
  const std::string& path() const { return dir_.path(); }
  std::vector<std::string> AllBooks() const;

  // From ENV, for StartPeer and Restart.
  static std::map<std::string, std::string> Failpoints(const std::string& settings) {
    return {{"ARKSHARE_FAILPOINTS", settings}};
  }

  // The peer's number and key, as it says them.
  uint32_t IdOf(const std::string& name);
  PublicKey KeyOf(const std::string& name);

  // Fetches by name and waits for the end.
  absl::StatusOr<v1::Transfer> Get(const std::string& peer, const std::string& book);
  absl::StatusOr<v1::Transfer> Get(const std::string& peer, const v1::FetchRequest& request);

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  // The holders that the index names: peers of this cluster, sorted; "?" for any other peer, and
  // "-" for an index that does not answer.
  std::vector<std::string> HoldersOf(const ContentId& content);
  // Waits until they are exactly these (sorted).
  testing::AssertionResult WaitForHolders(const ContentId& content,
                                          const std::vector<std::string>& names,
                                          absl::Duration timeout = kPatience);
  // The listing that a peer has by this name; nullopt when it has none.
  std::optional<v1::LibraryEntry> Entry(const std::string& peer, const std::string& book);
  // Waits until the peer lists the book as `bytes`.
  testing::AssertionResult WaitListed(const std::string& peer, const std::string& book,
                                      absl::string_view bytes);

 private:
  absl::Status StartIndex(IndexOptions options);

  TempDir dir_;
  std::unique_ptr<IndexProcess> index_;
  std::map<std::string, std::unique_ptr<PeerProcess>> peers_;
  std::map<std::string, std::string> keys_;  // raw key -> name
};

}  // namespace arkshare

#endif  // ARKSHARE_TESTS_SUPPORT_CLUSTER_H_
