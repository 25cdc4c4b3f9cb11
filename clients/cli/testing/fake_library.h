// The shared folder of a fake peer.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_LIBRARY_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_LIBRARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Answers lists in pages of two. Thread-safe.
class FakeLibrary {
 public:
  // Adds a shared book, the newest of the library.
  void AddBook(const std::string& name, const v1::ContentId& content);
  void AddEntry(v1::LibraryEntry entry);
  uint64_t DrawListingNumber();
  // Makes Share wait until GetStatus has been called twice more.
  void HoldShareForStatus();
  // GetStatus has been called.
  void NoteStatusCall();

  std::vector<std::string> shared_paths() const;

  grpc::Status ListLibrary(const v1::ListLibraryRequest& request,
                           v1::ListLibraryResponse* response);
  // Refuses a path that contains "missing". A path that contains "folder" has three files.
  grpc::Status Share(const v1::ShareRequest& request, v1::ShareResponse* response);
  // Knows the names of the library.
  grpc::Status Unshare(const v1::UnshareRequest& request, v1::UnshareResponse* response);

 private:
  mutable Mutex mutex_;
  CondVar asked_;
  int statuses_awaited_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::LibraryEntry> library_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_listing_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<std::string> shared_paths_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_LIBRARY_H_
