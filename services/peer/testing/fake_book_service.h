// The FileService of FakeHolder: one book, given out with the manners that a test sets.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_SERVICE_H_
#define ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_SERVICE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "lib/core/file_attributes.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"
#include "services/peer/testing/fake_book.h"

namespace arkshare {

// The ways in which a manifest can be wrong.
enum class HolderLie { kWrongHash, kNoHashes, kOneTooFew, kHalfAHash };
// Messages that bring a book no nearer.
enum class HolderChatter { kHeaders, kNothing, kPlacesAfterHeader, kOtherRange, kBytesFirst };

// How it answers; see the methods of FakeHolder.
struct HolderManners {
  std::set<uint64_t> corrupt{};
  std::optional<uint64_t> stop_after{};
  bool silent = false;
  bool another_key = false;
  std::optional<PublicKey> moved_to{};
  bool break_off = false;
  int queue_full = 0;
  absl::Duration retry_after = absl::ZeroDuration();
  std::vector<uint32_t> positions{};
  bool queue_for_ever = false;
  std::optional<HolderLie> lie{};
  bool wrong_offsets = false;
  std::optional<uint64_t> end_after{};
  bool too_much = false;
  bool empty_chunks = false;
  uint64_t chunk_bytes = 1024 * 1024;
  std::optional<FileAttributes> attributes{};
  bool manifest_late = false;
  // The pieces of a book that it is still receiving, in the order in which they came.
  std::optional<std::vector<uint64_t>> pieces{};
  std::optional<HolderChatter> chatter{};
  bool keep_manifest = false;
  bool gave_up = false;
  bool no_manifest = false;
  std::function<void()> on_release{};
  absl::Status refusal{};
};

// Its calls and bytes so far; see the methods of FakeHolder.
struct HolderCounts {
  int manifests = 0;
  absl::Duration manifest_patience;
  int downloads = 0;
  int releases = 0;
  int reports = 0;
  uint64_t bytes_sent = 0;
  std::vector<uint64_t> offsets{};
  std::vector<uint64_t> bites{};
};

// Thread-safe.
class FakeBookService final : public v1::FileService::Service {
 public:
  explicit FakeBookService(FakeBook book) : book_(std::move(book)) {}

  PublicKey public_key() const { return key_.public_key(); }
  void Change(const std::function<void(HolderManners& manners)>& change);
  HolderManners manners() const;
  HolderCounts counts() const;
  // Waits for a stalled stream; false when there is none within a minute.
  bool AwaitStall();
  // Ends the calls that wait.
  void Stop();

  grpc::Status Ping(grpc::ServerContext* context, const v1::PingRequest* request,
                    v1::PingResponse* response) override;
  grpc::Status GetManifest(grpc::ServerContext* context, const v1::GetManifestRequest* request,
                           v1::GetManifestResponse* response) override;
  grpc::Status ReportMismatch(grpc::ServerContext* context,
                              const v1::ReportMismatchRequest* request,
                              v1::ReportMismatchResponse* response) override;
  grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest* request,
                        grpc::ServerWriter<v1::DownloadResponse>* writer) override;
  grpc::Status WatchPieces(grpc::ServerContext* context, const v1::WatchPiecesRequest* request,
                           grpc::ServerWriter<v1::WatchPiecesResponse>* writer) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;

 private:
  bool HasPieces(const std::vector<uint64_t>& pieces, uint64_t offset, uint64_t bytes) const;
  // Changes the last byte of each corrupt piece in `data`, which begins at
  // `offset` of the book.
  void Corrupt(const HolderManners& now, uint64_t offset, std::string& data) const;
  // Waits until the call is cancelled. gRPC does not tell a blocking call, so
  // this polls.
  grpc::Status Stall(grpc::ServerContext* context);

  const FakeBook book_;
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_key_ = PrivateKey::Generate();
  mutable Mutex mutex_;
  CondVar changed_;
  HolderManners manners_ ABSL_GUARDED_BY(mutex_);
  HolderCounts counts_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int stalled_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_FAKE_BOOK_SERVICE_H_
