#include "services/peer/testing/peer_disk.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>

#include "services/peer/testing/must.h"

namespace arkshare {

PeerDisk::PeerDisk(const std::string& path, Library::Options options, const Clock* clock)
    : folder(Must(SharedFolder::Open(path))),
      key(Must(folder->LoadOrCreateKey())),
      ledger(Must(Ledger::Open(folder.get(), clock))),
      cache(Must(HashCache::Open(*folder))),
      library(std::make_unique<Library>(folder.get(), ledger.get(), clock, options)),
      scanner(std::make_unique<FolderScanner>(folder.get(), cache.get(), library.get(), clock)),
      proofs(std::make_unique<ServedProofs>(folder->traits(), clock)),
      handover(std::make_unique<Handover>(folder.get(), ledger.get(), library.get(), proofs.get(),
                                          key)) {}

Book PeerDisk::List(const std::string& name, const FakeBook& book) {
  WriteFileAt(PathOf(name), book.bytes);
  MakeOld(PathOf(name));
  const FileStat stat = Must(folder->Stat(name));
  cache->Remember(stat.identity, book.id, book.pieces);
  Must(library->Appear(ListingRecord{.name = Must(BookName::Parse(name)),
                                     .path = name,
                                     .content = book.id,
                                     .identity = stat.identity},
                       stat.links > 1));
  std::optional<Book> listed = library->FindPath(name);
  if (!listed) {
    std::cerr << name << " is not listed" << std::endl;
    std::abort();
  }
  return *std::move(listed);
}

}  // namespace arkshare
