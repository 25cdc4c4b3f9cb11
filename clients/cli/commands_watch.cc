#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "clients/cli/commands.h"
#include "clients/cli/json.h"
#include "clients/cli/render.h"
#include "lib/core/book_name.h"
#include "lib/core/byte_size.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

constexpr size_t kMostKnownPeers = 100'000;

std::string BookInWords(const v1::Listing& listing) {
  return absl::StrCat(EscapeForDisplay(listing.name()), " (",
                      FormatByteSize(listing.content().size_bytes()), ")");
}

// Prints events. Remembers the peers it has printed, so that it can tell changes from repetitions.
class EventPrinter {
 public:
  explicit EventPrinter(Session& session)
      : names_(session.connection.names()), console_(session.console) {}

  // Returns false when the output cannot be written: its reader has gone, or the disk is full.
  bool Print(const v1::WatchResponse& event) {
    if (WasPrinted(event)) return true;
    if (console_.json) {
      console_.out << ToJson(event) << '\n' << std::flush;
    } else if (const std::string words = InWords(event); !words.empty()) {
      console_.out << words << '\n' << std::flush;
    }
    boot_id_ = event.boot_id();
    seen_ = true;
    return console_.out.good();
  }

  // Call when a watch begins that has not resumed: the next events are a snapshot.
  void BeginSnapshot() {
    in_snapshot_ = true;
    peers_.clear();
    books_ = 0;
    of_revision_ = to_skip_ = 0;
  }
  // Asks for what comes after the last event, if the snapshot before it is complete.
  void GoOn(v1::WatchRequest& request) const {
    request.set_from_revision(in_snapshot_ ? 0 : revision_);
    request.set_from_boot_id(in_snapshot_ ? "" : boot_id_);
  }

  bool seen() const { return seen_; }
  const std::string& boot_id() const { return boot_id_; }

 private:
  // A watch that resumes begins with all changes of the last revision, in the same order.
  bool WasPrinted(const v1::WatchResponse& event) {
    if (event.has_resumed()) {
      to_skip_ = of_revision_;
      return false;
    }
    if (event.revision() != revision_ || event.has_snapshot_complete()) {
      revision_ = event.revision();
      of_revision_ = to_skip_ = 0;
    }
    if (to_skip_ > 0) {
      --to_skip_;
      return true;
    }
    if (!in_snapshot_ && !event.has_snapshot_complete()) ++of_revision_;
    return false;
  }

  std::string InWords(const v1::WatchResponse& event) {
    switch (event.event_case()) {
      case v1::WatchResponse::kBookListed:
        if (in_snapshot_) ++books_;
        return absl::StrCat(in_snapshot_ ? "  " : "+ ", BookInWords(event.book_listed().listing()),
                            " at peer ", Shown(event.book_listed().peer_id()));
      case v1::WatchResponse::kBookGone:
        return absl::StrCat("- ", BookInWords(event.book_gone().listing()), " at peer ",
                            Shown(event.book_gone().peer_id()));
      case v1::WatchResponse::kBookMoved:
        return MoveInWords(event.book_moved());
      case v1::WatchResponse::kPeerListed:
        return PeerInWords(event.peer_listed().peer());
      case v1::WatchResponse::kPeerGone: {
        const std::string peer = Shown(event.peer_gone().peer_id());
        peers_.erase(event.peer_gone().peer_id());
        return absl::StrCat("- peer ", peer, " with all its books");
      }
      case v1::WatchResponse::kSnapshotComplete:
        in_snapshot_ = false;
        return absl::StrCat("watching: ", Count(books_, "book", "books"), " at ",
                            Count(peers_.size(), "peer", "peers"), " so far; Ctrl-C ends");
      default:
        return "";  // An event of a newer index.
    }
  }

  // "5 (ada)": the number, and the name if the peer has been printed and has one.
  std::string Shown(uint32_t peer_id) const {
    const auto known = peers_.find(peer_id);
    return known == peers_.end() ? absl::StrCat(peer_id) : known->second.shown;
  }

  std::string MoveInWords(const v1::WatchResponse::BookMoved& move) const {
    std::string words =
        absl::StrCat("> ", BookInWords(move.old_listing()), " from peer ",
                     Shown(move.from_peer_id()), " to peer ", Shown(move.to_peer_id()));
    if (move.old_listing().name() != move.new_listing().name()) {
      absl::StrAppend(&words, " as ", EscapeForDisplay(move.new_listing().name()));
    }
    return words;
  }

  static std::string PlaceOf(const v1::Peer& peer) {
    if (peer.address().empty() && peer.relay_port() != 0) return " through the relay";
    return absl::StrCat(" at ", EscapeForDisplay(peer.address()));
  }

  // Returns "" when only the peer's counters have changed.
  std::string PeerInWords(const v1::Peer& peer) {
    const PeerNames& names = names_.Get(peer.public_key());
    const std::string shown = names.Show(peer.peer_id(), peer.public_key());
    const std::string words =
        absl::StrCat("peer ", shown, PlaceOf(peer), " (", PolicyInWords(peer.policy()), ")",
                     peer.listed() ? "" : ", hidden");
    // Forgetting them only repeats a line.
    if (peers_.size() >= kMostKnownPeers) peers_.clear();
    Known& known = peers_[peer.peer_id()];
    if (known.words == words) return "";
    const bool is_new = known.words.empty();
    known = {shown, words};
    return absl::StrCat(in_snapshot_ ? "  " : is_new ? "+ " : "= ", words);
  }

  struct Known {
    std::string shown;  // "5 (ada)"
    std::string words;  // the last line about the peer
  };

  MemberNames& names_;
  Console& console_;
  bool in_snapshot_ = true;
  bool seen_ = false;
  uint64_t books_ = 0;
  uint64_t revision_ = 0;   // of the last event
  size_t of_revision_ = 0;  // changes of that revision that were printed
  size_t to_skip_ = 0;      // of those that come again
  std::string boot_id_;
  absl::flat_hash_map<uint32_t, Known> peers_;
};

// True for a failure after which a new watch can succeed.
bool IsPassing(const absl::Status& status) {
  if (GetReason(status) == Reason::kAnswerInvalid) return false;
  return GetReason(status) == Reason::kWatchLagged ||
         status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kInternal ||
         status.code() == absl::StatusCode::kCancelled;
}

}  // namespace

int RunWatch(Session& session, const WatchOptions& options) {
  Console& console = session.console;
  v1::WatchRequest request;
  if (!options.name.empty()) {
    const absl::StatusOr<BookName> name = BookName::Parse(options.name);
    if (!name.ok()) return Report(session, name.status());
    request.set_name(name->value());
  } else if (!options.words.empty()) {
    request.set_keywords(absl::StrJoin(options.words, " "));
  }
  EventPrinter printer(session);
  if (console.out_fd >= 0) session.interrupts.EndWhenClosed(console.out_fd);
  // True while the index is away, so that the message about it is printed once.
  bool away = false;
  while (true) {
    printer.GoOn(request);
    const std::string last_boot_id = printer.boot_id();
    bool first = true;
    const absl::Status status =
        session.connection.index().Watch(request, [&](const v1::WatchResponse& event) {
          if (first && !event.has_resumed()) printer.BeginSnapshot();
          if (first && printer.seen()) {
            console.err << (event.has_resumed() ? "connected again; no change was missed\n"
                            : event.boot_id() == last_boot_id
                                ? "connected again; the current table follows:\n"
                                : "the index has restarted; the current table follows:\n")
                        << std::flush;
          }
          first = false;
          away = false;
          return printer.Print(event);
        });
    if (!console.out.good()) return kExitFailed;
    if (session.interrupts.triggered()) return session.interrupts.exit_code();
    if (!printer.seen() || !IsPassing(status)) return Report(session, status);
    if (GetReason(status) == Reason::kWatchLagged) {
      console.err << "too many changes at once, some were missed; watching again\n" << std::flush;
    } else if (!away) {
      away = true;
      console.err << "lost the index (" << Message(status) << "); retrying until it is back\n"
                  << std::flush;
    }
    if (!session.interrupts.SleepFor(options.retry_interval)) {
      return session.interrupts.exit_code();
    }
  }
}

}  // namespace arkshare
