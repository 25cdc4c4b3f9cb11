// What this folder's tests share: made-up books, folders and small disks, a peer's whole disk, and
// other peers that misbehave on demand. All of it aborts when it cannot do what it is asked.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_
#define ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/content_id.h"
#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/handover.h"

namespace arkshare {

struct BookHolder;

// The value of what must not fail here.
template <typename T>
T Must(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::cerr << "a step that must work failed: " << value.status() << std::endl;
  std::abort();
}
void Must(const absl::Status& status);

// "OK", the reason's name, or the name of the code for a status without a reason.
std::string ReasonOf(const absl::Status& status);

struct FakeBook {
  std::string bytes;
  ContentId id;
  std::vector<Sha256Digest> pieces;

  static FakeBook Of(std::string bytes);
  // Bytes that look random; the same seed gives the same ones.
  static FakeBook OfSize(uint64_t size, uint32_t seed = 1);
};

// A folder that goes with its object, and what people do in one.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(absl::string_view name) const;

 private:
  std::string path_;
};

// Writes a whole file, and the folders on the way.
void WriteFileAt(const std::string& path, absl::string_view bytes);
// Dates a file an hour back, so that any later change shows in its time.
void MakeOld(const std::string& path);
// The whole file; "(none)" when there is no file.
std::string ReadFileAt(const std::string& path);
bool Exists(const std::string& path);
// What stands in a folder, without dot-files, in order.
std::vector<std::string> NamesIn(const std::string& folder);

// A disk of a few MiB, which fills up. A tmpfs, mounted for this process alone.
class SmallDisk {
 public:
  // Unavailable, with the reason, where this process may not mount: skip the test.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(uint64_t bytes);
  ~SmallDisk();

  const std::string& path() const { return path_; }
  // Not one block more fits; and all that Fill took is free again.
  void Fill();
  void MakeRoom();

 private:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// Everything of a peer that stands on its disk. Made anew on the same folder, it is a restarted
// peer; Recover and Load are the test's to call.
struct PeerDisk {
  explicit PeerDisk(const std::string& path, Library::Options options = {},
                    const Clock* clock = Clock::Real());

  // Puts a book into the folder and lists it, without a scanner.
  Book List(const std::string& name, const FakeBook& book);
  // What a receiver asks for when it wants this listing.
  static ReleaseItem Wish(const Book& book) {
    return {TransferId::Random(), book.record.number, book.record.content};
  }
  std::string PathOf(const std::string& name) const { return folder->path() + "/" + name; }
  // Names in .arkshare/released.
  std::vector<std::string> Hidden() const { return NamesIn(folder->StatePath("released")); }

  std::unique_ptr<SharedFolder> folder;
  PrivateKey key;
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<HashCache> cache;
  std::unique_ptr<Library> library;
  std::unique_ptr<FolderScanner> scanner;
  std::unique_ptr<Handover> handover;
};

// Keeps gRPC's own threads until the process ends. Without it they are stopped whenever the last
// channel or server of a test goes, and one of them may be asleep for ten seconds then.
void KeepGrpcRunning();

// Another peer that has one book: FileService on a port of its own, honest until it is told
// otherwise. What it is told counts for the calls that begin later. Thread-safe.
class FakeHolder {
 public:
  explicit FakeHolder(FakeBook book);
  ~FakeHolder();

  const std::string& address() const;
  BookHolder AsHolder(uint32_t peer_id) const;

  // Sends piece `n` with one bit wrong.
  void CorruptPiece(uint64_t n);
  // Streams stand still after `bytes`, until they are cancelled. Pings are answered.
  void StopAnswering(uint64_t after_bytes = 0);
  // Waits for a stream that stands still; false when none does for a minute.
  bool AwaitSilence();
  // Leaves everything unanswered, also pings.
  void FallSilent();
  // Signs pings with a key that is not the one it is known by.
  void ProveAnotherKey();
  void SayMoved(const PublicKey& to);
  // Answers downloads with CANCELLED, as proxies do, and peers that wait for too long.
  void BreakOff();
  // Refuses the next `times` downloads.
  void QueueFull(int times, absl::Duration retry_after);
  // Says these positions before the header.
  void QueueAt(std::vector<uint32_t> positions);
  enum class Lie { kWrongHash, kNoHashes, kOneTooFew, kHalfAHash };
  void LieAboutManifest(Lie lie);
  // Gives its manifest only once somebody downloads from it.
  void GiveManifestLate();
  // Counts the offsets of chunks from one byte further on.
  void SendWrongOffsets();
  // Ends with OK after this many bytes.
  void EndEarly(uint64_t after_bytes);
  // Sends bytes after the end of the book.
  void SendTooMuch();
  // Sends chunks without data, again and again.
  void SendEmptyChunks();
  // It is still receiving the book, and has these pieces so far; the later ones are news.
  void HaveOnly(std::vector<uint64_t> pieces);
  void HaveAll();
  // It does not receive the book any more.
  void GiveUp();
  void KnowNoManifest();
  // Called whenever it is asked to give the book away, which it never answers for good.
  void OnRelease(std::function<void()> asked);
  // Chunks of this size; 1 MiB otherwise.
  void SetChunkBytes(uint64_t bytes);

  int manifests() const;
  int downloads() const;
  int releases() const;
  // Of books, in chunks.
  uint64_t bytes_sent() const;
  // read_offset of each download.
  std::vector<uint64_t> offsets() const;
  // The largest chunks that were wished for.
  std::vector<uint64_t> bites() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_FAKES_H_
