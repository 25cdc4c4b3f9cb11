#include "tests/audit/audit.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include <algorithm>
#include <set>

#include "lib/core/book_name.h"

namespace arkshare {
namespace {

std::string Short(const ContentId& id) {
  return absl::StrCat(ToHex(id.root).substr(0, 12), ":", id.size);
}

bool Released(ReleaseState state) { return state != ReleaseState::kRefused; }

// The rules, one after another; each says in its comment what it holds to be impossible.
class Auditor {
 public:
  explicit Auditor(const std::vector<PeerDisk>& peers) : peers_(peers) {}

  AuditReport Run() {
    for (const PeerDisk& peer : peers_) {
      CheckListings(peer);
      CheckNumbers(peer);
      for (const ReleaseRow& release : peer.releases) CheckRelease(peer, release);
      CheckOneReleaseEach(peer);
      for (const TransferRow& transfer : peer.transfers) CheckTransfer(peer, transfer);
      CheckLeftovers(peer);
    }
    DescribeBooks();
    return std::move(report_);
  }

 private:
  template <typename... Parts>
  void Damage(const PeerDisk& peer, const Parts&... parts) {
    report_.damage.push_back(absl::StrCat(peer.folder, ": ", parts...));
  }
  template <typename... Parts>
  void Open(const PeerDisk& peer, const Parts&... parts) {
    report_.open.push_back(absl::StrCat(peer.folder, ": ", parts...));
  }

  const PeerDisk* Find(const PublicKey& key) const {
    for (const PeerDisk& peer : peers_) {
      if (peer.key == key) return &peer;
    }
    return nullptr;
  }

  static const TransferRow* TransferOfListing(const PeerDisk& peer, uint64_t listing) {
    for (const TransferRow& transfer : peer.transfers) {
      if (transfer.listing == listing) return &transfer;
    }
    return nullptr;
  }

  // The source was killed before the commit point of a release.
  static bool HiddenUnreleased(const PeerDisk& peer, const ListingRow& row) {
    for (const auto& [name, file] : peer.hidden) {
      if (name.second == row.number && file.content == row.content &&
          peer.FindRelease(name.first) == nullptr) {
        return true;
      }
    }
    return false;
  }

  // A present listing has its file, and the file is what the listing says; no path has two.
  void CheckListings(const PeerDisk& peer) {
    std::set<std::string> paths;
    for (const ListingRow& row : peer.listings) {
      if (row.state != ListingState::kPresent) continue;
      const std::string what = absl::StrCat("listing ", row.number, " \"", row.name, "\"");
      if (peer.IsUnshared(row.path)) Open(peer, what, " is unshared by its owner");
      const TransferRow* received = TransferOfListing(peer, row.number);
      const bool entering = received != nullptr && received->state == TransferState::kOwned &&
                            peer.staged.contains(received->id);
      // One that enters takes another name when a person has put a file in its place.
      if (!entering && !paths.insert(row.path).second) {
        Damage(peer, what, ": two listings of one path");
      }
      const auto file = peer.visible.find(row.path);
      if (entering) {
        if (peer.staged.at(received->id).content != row.content) {
          Damage(peer, what, ": the staged file has another content");
        }
        Open(peer, what, " has not entered the folder yet");
      } else if (file == peer.visible.end() && HiddenUnreleased(peer, row)) {
        Open(peer, what, " was hidden and not released; it will be put back");
      } else if (file == peer.visible.end()) {
        Damage(peer, what, " is present, but there is no such file");
      } else if (file->second.content != row.content) {
        Damage(peer, what, " is present, but the file has another content");
      } else if (file->second.inode != row.inode || file->second.mtime_ns != row.mtime_ns) {
        Open(peer, what, ": the file was touched or replaced, and not listed again");
      }
      if (row.unsettled) {
        Open(peer, what, ": the index has not answered yet");
        if (received == nullptr || received->state == TransferState::kDone ||
            received->index_told) {
          Damage(peer, what, " waits for an answer of the index that its peer does not ask for");
        }
      }
    }
    for (const auto& [path, file] : peer.visible) {
      if (paths.contains(path) || peer.IsUnshared(path) || !BookName::Parse(path).ok()) {
        continue;
      }
      Open(peer, "\"", path, "\" is in the folder and not listed");
    }
  }

  // Listing numbers come from a counter that never goes back.
  void CheckNumbers(const PeerDisk& peer) {
    uint64_t highest = 0;
    const auto use = [&](uint64_t number) { highest = std::max(highest, number); };
    for (const ListingRow& row : peer.listings) use(row.number);
    for (const ReleaseRow& row : peer.releases) {
      if (Released(row.state)) use(row.listing);
    }
    for (const TransferRow& row : peer.transfers) use(row.listing);
    for (const PeerDisk& other : peers_) {
      for (const TransferRow& row : other.transfers) {
        if (row.source == peer.key && row.has_ticket) use(row.source_listing);
      }
    }
    if (highest > peer.last_number) {
      Damage(peer, "the counter of listing numbers is ", peer.last_number, ", but ", highest,
             " was used");
    }
    std::map<uint64_t, int> uses;
    for (const TransferRow& row : peer.transfers) {
      if (row.listing != 0 && ++uses[row.listing] == 2) {
        Damage(peer, "listing number ", row.listing, " was used for two transfers");
      }
    }
  }

  // Checks a release: its listing says so, its ticket is good, the hidden copy is there until the
  // receiver owns the book, and the receiver owns it before the hidden copy goes.
  void CheckRelease(const PeerDisk& peer, const ReleaseRow& release) {
    const std::string what =
        absl::StrCat("release ", release.id.hex(), " of listing ", release.listing);
    const PeerDisk* receiver = Find(release.receiver);
    const TransferRow* transfer = receiver ? receiver->FindTransfer(release.id) : nullptr;
    if (!Released(release.state)) {
      if (release.ticket) Damage(peer, what, " is a refusal with a ticket");
      if (transfer != nullptr && transfer->has_ticket) {
        Damage(peer, what, ": refused, but the receiver has a ticket");
      }
      return;
    }
    const ListingRow* listing = peer.FindListing(release.listing);
    if (listing == nullptr) {
      Damage(peer, what, ": there never was such a listing");
    } else if (listing->content != release.content) {
      Damage(peer, what, ": the listing has another content, so its number was reused");
    } else if (listing->state != ListingState::kReleased) {
      Damage(peer, what, ": the listing does not say so");
    }
    if (!release.ticket) {
      Damage(peer, what, " has no ticket");
    } else if (release.ticket->body != TicketBody{release.id, peer.key, release.listing,
                                                  release.receiver, release.content} ||
               !verifier_.Verify(*release.ticket).ok()) {
      Damage(peer, what, ": its ticket is not valid for it");
    }
    if (listing != nullptr) CheckNotVisibleAgain(peer, *listing, release, what);

    const bool owns =
        transfer != nullptr && transfer->move &&
        (transfer->state == TransferState::kOwned || transfer->state == TransferState::kDone);
    if (transfer != nullptr && !transfer->move && !transfer->kept &&
        transfer->state >= TransferState::kOwned && transfer->state != TransferState::kDropped) {
      Damage(peer, what, ": released, but the receiver keeps it as a copy after a refusal");
    }
    if (release.state == ReleaseState::kRestored) return;
    const auto hidden = peer.hidden.find({release.id, release.listing});
    if (release.state == ReleaseState::kGone) {
      if (receiver != nullptr && !owns) {
        Damage(peer, what, ": the hidden copy is gone, but the receiver does not own the book");
      }
      if (hidden != peer.hidden.end()) Open(peer, what, ": a hidden copy is left");
      return;
    }
    if (release.state == ReleaseState::kConfirmed) {
      if (receiver != nullptr && !owns) {
        Damage(peer, what, ": confirmed, but the receiver does not own the book");
      }
      Open(peer, what, ": the hidden copy is still to be read");
      return;
    }
    Open(peer, what, ": not confirmed");
    if (hidden == peer.hidden.end()) {
      if (!owns) Damage(peer, what, ": there is no hidden copy, and the receiver does not own it");
    } else if (hidden->second.content != release.content) {
      const bool edited = listing != nullptr && hidden->second.inode == listing->inode &&
                          hidden->second.mtime_ns != listing->mtime_ns;
      if (!edited) Damage(peer, what, ": the hidden copy has another content");
    }
    if (transfer != nullptr && transfer->confirmed) {
      Damage(peer, what, ": the receiver thinks that it is confirmed");
    }
    if (transfer != nullptr && transfer->state == TransferState::kDropped) {
      Damage(peer, what, ": the receiver has dropped the transfer, so no peer will confirm it");
    }
  }

  // Whether this peer received the book at a path after it had given the listing away. Its file has
  // the time of the first one, and may have got the same inode.
  static bool CameBack(const PeerDisk& peer, const std::string& path, const ListingRow& listing) {
    return std::any_of(peer.listings.begin(), peer.listings.end(), [&](const ListingRow& row) {
      return row.path == path && row.number > listing.number &&
             TransferOfListing(peer, row.number) != nullptr;
    });
  }

  // A released file is not served again, unless its owner restored it.
  void CheckNotVisibleAgain(const PeerDisk& peer, const ListingRow& listing,
                            const ReleaseRow& release, const std::string& what) {
    if (release.state == ReleaseState::kRestored) return;
    for (const auto& [path, file] : peer.visible) {
      if (file.inode == listing.inode && file.mtime_ns == listing.mtime_ns &&
          file.content == listing.content && !CameBack(peer, path, listing)) {
        Damage(peer, what, ": the released file is visible as \"", path, "\"");
      }
    }
  }

  void CheckOneReleaseEach(const PeerDisk& peer) {
    std::map<uint64_t, int> releases;
    std::map<TransferId, int> answers;
    for (const ReleaseRow& row : peer.releases) {
      if (++answers[row.id] == 2) {
        Damage(peer, "transfer ", row.id.hex(), " was answered twice");
      }
      if (Released(row.state) && ++releases[row.listing] == 2) {
        Damage(peer, "listing ", row.listing, " was released twice");
      }
    }
    for (const ListingRow& row : peer.listings) {
      if (row.state == ListingState::kReleased && !releases.contains(row.number)) {
        Damage(peer, "listing ", row.number, " says that it was released, but no release does");
      }
    }
  }

  // From PREPARED on there is a verified copy; from OWNED on a listing of its own; a move has a
  // ticket, which the source gave for this.
  void CheckTransfer(const PeerDisk& peer, const TransferRow& transfer) {
    const std::string what = absl::StrCat("transfer ", transfer.id.hex());
    const PeerDisk* source = Find(transfer.source);
    const ReleaseRow* release = source ? source->FindRelease(transfer.id) : nullptr;
    const bool released = release != nullptr && Released(release->state);
    const auto staged = peer.staged.find(transfer.id);
    if (transfer.state == TransferState::kIntent) return Open(peer, what, " has begun");
    if (transfer.state == TransferState::kDropped) {
      if (transfer.has_ticket) Damage(peer, what, ": dropped, but it has a ticket");
      return;
    }
    if (transfer.state == TransferState::kPrepared) {
      Open(peer, what, " waits for its source");
      if (staged == peer.staged.end()) {
        // Dropping removes the file first; only a refusal leads there.
        const bool refused = release != nullptr && !released;
        if (source != nullptr && !refused)
          Damage(peer, what, ": prepared, but its book waits nowhere");
      } else if (staged->second.content != transfer.content) {
        Damage(peer, what, ": prepared, but the staged file has another content");
      }
      return;
    }
    if (transfer.state == TransferState::kOwned) Open(peer, what, " is not settled");
    const ListingRow* listing = peer.FindListing(transfer.listing);
    if (listing == nullptr) {
      Damage(peer, what, ": owned, but without a listing");
    } else if (listing->content != transfer.content) {
      Damage(peer, what, ": owned, but its listing has another content");
    }
    if (transfer.has_ticket != transfer.move) {
      Damage(peer, what, transfer.move ? ": moved without a ticket" : ": a copy with a ticket");
    }
    if (transfer.has_ticket &&
        (!transfer.ticket || !verifier_.Verify(*transfer.ticket).ok() ||
         transfer.ticket->body != TicketBody{transfer.id, transfer.source, transfer.source_listing,
                                             peer.key, transfer.content})) {
      Damage(peer, what, ": its ticket is not valid for it");
    }
    if (transfer.move && source != nullptr && !released) {
      Damage(peer, what, ": owned, but its source has not released it");
    }
    if (transfer.state == TransferState::kDone && transfer.move &&
        !(transfer.index_told && transfer.confirmed)) {
      Damage(peer, what, ": done, but not everybody was told");
    }
  }

  // Files that belong to nothing, until a restart removes or returns them.
  void CheckLeftovers(const PeerDisk& peer) {
    for (const auto& [id, file] : peer.staged) {
      const TransferRow* transfer = peer.FindTransfer(id);
      if (transfer == nullptr || transfer->state >= TransferState::kDone) {
        Open(peer, "the waiting book ", id.hex(), " belongs to no open transfer");
      }
    }
    for (const auto& [name, file] : peer.hidden) {
      const ReleaseRow* release = peer.FindRelease(name.first);
      if (release == nullptr || release->listing != name.second ||
          (release->state != ReleaseState::kHidden && release->state != ReleaseState::kConfirmed)) {
        Open(peer, "released/", name.first.hex(), "-", name.second, " belongs to no open release");
      }
    }
  }

  void DescribeBooks() {
    std::map<ContentId, std::vector<std::string>> where;
    for (const PeerDisk& peer : peers_) {
      for (const auto& [path, file] : peer.visible) {
        where[file.content].push_back(absl::StrCat(peer.folder, " has it as \"", path, "\""));
      }
      for (const auto& [name, file] : peer.hidden) {
        where[file.content].push_back(absl::StrCat(peer.folder, " hides it"));
      }
      for (const auto& [id, file] : peer.staged) {
        const TransferRow* transfer = peer.FindTransfer(id);
        const bool whole = transfer != nullptr && transfer->content == file.content;
        if (whole) where[file.content].push_back(absl::StrCat(peer.folder, " has it on its way"));
      }
    }
    for (const auto& [content, places] : where) {
      report_.books.push_back(absl::StrCat(Short(content), ": ", absl::StrJoin(places, "; ")));
    }
  }

  const std::vector<PeerDisk>& peers_;
  TicketVerifier verifier_;
  AuditReport report_;
};

}  // namespace

AuditReport Audit(const std::vector<PeerDisk>& peers) { return Auditor(peers).Run(); }

void Expect(const std::vector<PeerDisk>& peers, const ContentId& content,
            const std::vector<std::string>& folders, AuditReport& report) {
  for (const PeerDisk& peer : peers) {
    const bool expected = std::find(folders.begin(), folders.end(), peer.folder) != folders.end();
    int copies = 0;
    for (const auto& [path, file] : peer.visible) copies += file.content == content ? 1 : 0;
    if (copies != (expected ? 1 : 0)) {
      report.damage.push_back(absl::StrCat(peer.folder, ": has ", copies, " visible copies of ",
                                           Short(content), ", not ", expected ? 1 : 0));
    }
  }
}

}  // namespace arkshare
