// The events of a fake peer: uploads, the history, limbo, and the watch.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_ACTIVITY_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_ACTIVITY_H_

#include <string>
#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/testing/fake_library.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Answers the history in pages of two. Thread-safe.
class FakeActivity {
 public:
  // Restored books get their listing numbers from `library`, which must outlive it.
  explicit FakeActivity(FakeLibrary* library) : library_(library) {}

  void AddUpload(v1::Upload upload);
  void AddHistory(v1::HistoryEntry entry);
  // Adds a message that WatchOwn sends before it ends with SHUTTING_DOWN.
  void AddWatchMessage(v1::WatchOwnResponse message);
  void AddLimbo(v1::LimboEntry entry);

  std::vector<std::string> restored() const;

  grpc::Status WatchOwn(const v1::WatchOwnRequest& request,
                        grpc::ServerWriter<v1::WatchOwnResponse>* writer);
  grpc::Status ListUploads(const v1::ListUploadsRequest&, v1::ListUploadsResponse* response);
  grpc::Status ListHistory(const v1::ListHistoryRequest& request,
                           v1::ListHistoryResponse* response);
  grpc::Status ListLimbo(const v1::ListLimboRequest&, v1::ListLimboResponse* response);
  grpc::Status RestoreLimbo(const v1::RestoreLimboRequest& request,
                            v1::RestoreLimboResponse* response);

 private:
  FakeLibrary* const library_;
  mutable Mutex mutex_;
  std::vector<v1::LimboEntry> limbo_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> restored_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Upload> uploads_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::HistoryEntry> history_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchOwnResponse> watch_messages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_ACTIVITY_H_
