// The records of a peer's ledger: listings, releases and transfers.
#ifndef ARKSHARE_SERVICES_PEER_DISK_LEDGER_RECORDS_H_
#define ARKSHARE_SERVICES_PEER_DISK_LEDGER_RECORDS_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/core/book_name.h"
#include "lib/core/content_id.h"
#include "lib/core/key.h"
#include "lib/core/ticket.h"
#include "services/peer/disk/file_io.h"

namespace arkshare {

// One appearance of a book in this folder.
struct ListingRecord {
  enum class State { kPresent = 1, kReleased = 2, kDeleted = 3, kChanged = 4 };

  uint64_t number = 0;  // from 1, never used twice
  BookName name;
  std::string path;  // as on the disk; differs from the name only before NFC
  ContentId content;
  FileIdentity identity;  // of the file when it was hashed
  State state = State::kPresent;
  // Received by a move whose UpdateOwner the index has not answered: not to be released again yet.
  bool unsettled = false;
};

// A file or folder that the owner keeps private, by its path and by itself: it stays private when
// it is renamed.
struct UnsharedRecord {
  std::string path;
  bool folder = false;  // with everything in it, now and later
  FileMark mark{};      // zeros when the path had no file
};

// The source's half of a move: its answer to a Release. A ticket is kept for ever.
struct ReleaseRecord {
  enum class State {
    kRefused = 0,
    kHidden = 1,     // given away, with a hidden copy
    kGone = 2,       // the hidden copy is deleted
    kRestored = 3,   // the hidden copy is back in the library, as a new book
    kConfirmed = 4,  // the receiver owns the book; the hidden copy is still to be read
  };

  ReleaseItem item;
  PublicKey receiver;
  State state = State::kRefused;
  MoveTicket ticket{};     // unless refused
  absl::Status refusal{};  // when refused; carries its Reason and metadata
  absl::Time time{};
};

// The receiver's half of a transfer, of a move or a copy.
struct TransferRecord {
  enum class State {
    kIntent = 1,    // may be forgotten
    kPrepared = 2,  // verified and durable in staging
    kOwned = 3,     // belongs to this peer and has its own listing
    kDone = 4,
    kDropped = 5,  // given up before it was owned
  };

  TransferId id;
  bool move = false;  // will be, or was, released by the source
  bool kept = false;  // a copy because the owner decided so when the source did not answer
  PublicKey source;
  uint64_t source_listing = 0;
  ContentId content;
  BookName name;  // here
  State state = State::kIntent;
  uint64_t listing = 0;                // here; 0 until kOwned
  std::optional<MoveTicket> ticket{};  // once released
  bool index_told = false;             // UpdateOwner was answered
  bool confirmed = false;              // Confirm was answered
};

// Words that a name must have; see SearchRequest.keywords in index.proto.
struct WishKeywords {
  std::string text;

  bool operator==(const WishKeywords&) const = default;
};
using WishQuery = std::variant<WishKeywords, BookName, ContentId>;

// A content that a wish has found.
struct WishFind {
  ContentId content;
  BookName name;         // that the index told first
  uint32_t peer_id = 0;  // had it then
  absl::Time time{};
  bool fetched = false;  // was received for the wish
};

// A book that the owner wants to learn of; see PeerService.AddWish in peer.proto.
struct WishRecord {
  enum class Action { kTell = 1, kCopy = 2, kAny = 3 };

  uint64_t id = 0;  // from 1, never used twice
  WishQuery query{};
  Action action = Action::kTell;
  uint32_t fetch_limit = 1;  // books to receive, at most
  absl::Time time{};         // when it was added
  std::vector<WishFind> finds{};
};

// Where a record is in the history.
struct HistoryPlace {
  absl::Time time{};  // the epoch: unknown
  TransferId id;

  bool operator==(const HistoryPlace&) const = default;
};

// A book that came or went.
struct HistoryRecord {
  enum class Kind {
    kReceived,  // by a move
    kCopied,
    kGiven,     // by a move
    kRestored,  // was given, and its hidden copy was put back
  };

  HistoryPlace place;
  Kind kind = Kind::kReceived;
  PublicKey other;  // the other peer
  ContentId content;
  std::string name;  // here; empty when it is not known any more
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_DISK_LEDGER_RECORDS_H_
