// The calls by which the owner of a fake peer gets books.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FETCHES_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FETCHES_H_

#include <absl/status/status.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "clients/cli/testing/fake_library.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Moves each book from peer 1 in one piece, unless a script says otherwise. Thread-safe.
class FakeFetches {
 public:
  using FetchScript = std::function<grpc::Status(const v1::FetchRequest&, grpc::ServerContext*,
                                                 grpc::ServerWriter<v1::FetchResponse>*)>;
  using FetchManyScript =
      std::function<grpc::Status(const v1::FetchManyRequest&, grpc::ServerContext*,
                                 grpc::ServerWriter<v1::FetchManyResponse>*)>;

  // Received books enter `library`, which must outlive it.
  explicit FakeFetches(FakeLibrary* library) : library_(library) {}

  void SetFetchScript(FetchScript script);
  void SetFetchManyScript(FetchManyScript script);
  // Makes FetchMany fail with `status` for this name. Other names move as without a script.
  void RefuseOfMany(const std::string& name, absl::Status status);

  // The wishes of all Fetch and FetchMany calls.
  std::vector<v1::FetchRequest> all() const;
  // The number of wishes of each FetchMany call.
  std::vector<int> many_sizes() const;

  grpc::Status Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                     grpc::ServerWriter<v1::FetchResponse>* writer);
  grpc::Status FetchMany(grpc::ServerContext* context, const v1::FetchManyRequest* request,
                         grpc::ServerWriter<v1::FetchManyResponse>* writer);

 private:
  FakeLibrary* const library_;
  mutable Mutex mutex_;
  FetchScript fetch_script_ ABSL_GUARDED_BY(mutex_);
  FetchManyScript fetch_many_script_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> refused_of_many_ ABSL_GUARDED_BY(mutex_);
  std::vector<int> many_sizes_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::FetchRequest> fetches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_FETCHES_H_
