// A peer's whole disk for tests.
#ifndef ARKSHARE_SERVICES_PEER_TESTING_PEER_DISK_H_
#define ARKSHARE_SERVICES_PEER_TESTING_PEER_DISK_H_

#include <memory>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/hash_cache.h"
#include "services/peer/disk/ledger.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/library/folder_scanner.h"
#include "services/peer/library/library.h"
#include "services/peer/serve/handover.h"
#include "services/peer/serve/served_proofs.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {

// Everything of a peer that is on its disk. A second one on the same folder, after the first is
// gone, is a restarted peer. The test calls Recover and Load itself.
struct PeerDisk {
  explicit PeerDisk(const std::string& path, Library::Options options = {},
                    const Clock* clock = Clock::Real());

  // Puts a book into the folder and lists it, without a scanner.
  Book List(const std::string& name, const FakeBook& book);
  // Returns a receiver's request for this listing.
  static ReleaseItem Wish(const Book& book) {
    return {TransferId::Random(), book.record.number, book.record.content};
  }
  std::string PathOf(const std::string& name) const { return folder->path() + "/" + name; }
  // Returns the names in .arkshare/released.
  std::vector<std::string> Hidden() const { return NamesIn(folder->StatePath("released")); }

  std::unique_ptr<SharedFolder> folder;
  PrivateKey key;
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<HashCache> cache;
  std::unique_ptr<Library> library;
  std::unique_ptr<FolderScanner> scanner;
  std::unique_ptr<ServedProofs> proofs;
  std::unique_ptr<Handover> handover;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TESTING_PEER_DISK_H_
