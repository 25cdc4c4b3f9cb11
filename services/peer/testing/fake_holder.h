// Another peer for tests, which misbehaves on demand.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_FAKE_HOLDER_H_
#define ARKSHARE_SERVICES_PEER_TESTING_FAKE_HOLDER_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/file_attributes.h"
#include "lib/core/key.h"
#include "lib/rpc/server.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/fake_book_service.h"

namespace arkshare {

struct BookHolder;

// Another peer that has one book: a FileService on its own port. It is honest until the test tells
// it otherwise, which counts for the calls that begin later. Thread-safe.
class FakeHolder {
 public:
  explicit FakeHolder(FakeBook book);
  ~FakeHolder();

  const std::string& address() const;
  BookHolder AsHolder(uint32_t peer_id) const;

  // Sends piece `n` with one wrong bit.
  void CorruptPiece(uint64_t n);
  // Stalls streams after `bytes` until they are cancelled. Still answers pings.
  void StopAnswering(uint64_t after_bytes = 0);
  // Waits for a stalled stream; false when there is none within a minute.
  bool AwaitSilence();
  // Leaves all calls unanswered, pings too.
  void FallSilent();
  // Signs pings with another key than the one that it says is its own.
  void ProveAnotherKey();
  void SayMoved(const PublicKey& to);
  // Answers downloads with CANCELLED, as a proxy does, or a peer that has waited too long.
  void BreakOff();
  // Refuses the next `times` downloads.
  void QueueFull(int times, absl::Duration retry_after);
  // Sends these positions before the header.
  void QueueAt(std::vector<uint32_t> positions);
  // Tells every download that it is the next one in the queue, again and again.
  void QueueForEver();
  using Lie = HolderLie;
  void LieAboutManifest(Lie lie);
  // Returns its manifest only after a download has begun.
  void GiveManifestLate();
  // Sends the offsets of chunks one byte too high.
  void SendWrongOffsets();
  // Ends with OK after this many bytes.
  void EndEarly(uint64_t after_bytes);
  // Sends bytes after the end of the book.
  void SendTooMuch();
  // Sends chunks without data, again and again.
  void SendEmptyChunks();
  // Sends messages that bring the book no nearer, again and again, instead of its bytes or its
  // news.
  using Chatter = HolderChatter;
  void Chat(Chatter chatter);
  // Does not answer GetManifest.
  void KeepManifest();
  // Returns the longest time that a caller of GetManifest was ready to wait.
  absl::Duration manifest_patience() const;
  // Has only these pieces, as a peer that still receives the book; it announces later ones as they
  // come.
  void HaveOnly(std::vector<uint64_t> pieces);
  void HaveAll();
  // Stops receiving the book.
  void GiveUp();
  void KnowNoManifest();
  // Calls `asked` at every Release, to which it never gives a final answer.
  void OnRelease(std::function<void()> asked);
  // Refuses every item of a Release.
  void RefuseReleases(absl::Status why);
  // Says this of its file with every download.
  void SetAttributes(const FileAttributes& attributes);
  // Sends chunks of this size; 1 MiB by default.
  void SetChunkBytes(uint64_t bytes);

  int manifests() const;
  int downloads() const;
  int releases() const;
  // Returns how often it was told that its bytes are wrong.
  int reports() const;
  // Returns the bytes of books that it sent in chunks.
  uint64_t bytes_sent() const;
  // Returns read_offset of each download.
  std::vector<uint64_t> offsets() const;
  // Returns max_chunk_bytes of each download.
  std::vector<uint64_t> bites() const;

 private:
  const std::unique_ptr<FakeBookService> service_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_FAKE_HOLDER_H_
