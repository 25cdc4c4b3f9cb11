// The world of the model: one book, up to three peers with their disks and ledgers, an index, and
// every message that was ever sent.
//
// The model has, in the words of the protocol: a peer's library folder, staging/ and released/;
// its ledger (listings, moves); the messages Release, Ticket, Refusal, UpdateOwner and Confirm,
// which once sent may arrive at any time, any number of times, in any order, or never; what peers
// state to the index in a session; a crash of any peer at any step, where each write that was not
// yet made durable survives or vanishes on its own; an index that forgets everything, or one peer;
// people who edit, delete, add and rename files between any two steps; operators who change a
// policy, restore a hidden copy, keep a prepared one or lose a disk.
//
// It leaves out bytes, pieces and hashes (a fetched copy is verified, so it is the book), keys and
// signatures, time, slots and queues, full disks (they only delay), fsync that fails (a peer stops
// and recovers: a crash), `unshare` and hard links (to a move they look like a renamed file and a
// lender). Assumed of the disk: a rename within one file system is atomic in a crash (the file is
// at one place or at the other), a second rename of a file is not durable before the first, and
// what a person does in a folder makes earlier renames there durable, all as a journal has it.
#ifndef ARKSHARE_TESTS_MODEL_STATE_H_
#define ARKSHARE_TESTS_MODEL_STATE_H_

#include <array>
#include <cstdint>
#include <type_traits>

namespace arkshare::model {

inline constexpr int kPeers = 3;
inline constexpr int kTransfers = 3;
// Listing numbers are 1 to kListings; 0 is none.
inline constexpr int kListings = 6;
// Names in a library: "name", "name (2)", "name (3)".
inline constexpr int kNames = 3;

// The content of a file. kOther is other content, of a person: arkshare must never lose it.
enum class File : uint8_t { kNone, kBook, kOther };

struct NamedFile {
  File file = File::kNone;
  // The listing under which just this file (inode, size, times) was hashed; 0 for none yet. kOther
  // with the listing of a book: the hash is false, because no time of the file shows the change.
  uint8_t listing = 0;
};

// kLiveOther: the listing of a file of another content.
enum class ListingState : uint8_t { kUnborn, kLive, kLiveOther, kReleased, kGone };

struct Listing {
  ListingState state = ListingState::kUnborn;
  // Index into Peer::library.
  uint8_t name = 0;
  // The peer has told the index "present" in its present session.
  uint8_t said = 0;
};

struct Peer {
  std::array<NamedFile, kNames> library;
  // The ledger's listings; number n is at [n - 1].
  std::array<Listing, kListings> listings;
  // The policy: lends copies, gives nothing away.
  uint8_t lends = 0;
  // Restarted after a crash and still putting its folders in order; it does not listen yet.
  uint8_t recovering = 0;
  // The disk is lost, and the peer with it, for good.
  uint8_t lost = 0;
  // Names that no book can take here, a bit each: their folder is another disk, a file, read-only.
  uint8_t blocked = 0;
  // Ghost: how many files of other content people have here.
  uint8_t others = 0;

  Listing& at(int number) { return listings[number - 1]; }
  const Listing& at(int number) const { return listings[number - 1]; }
  bool up() const { return !recovering && !lost; }
  bool Blocked(int name) const { return (blocked >> name & 1) != 0; }
};

// The receiver's ledger about one transfer. kOwned: by ticket. kKept: a copy of its own, without
// one. kDropped: given up before PREPARED, or discarded upon BOOK_MOVED.
enum class Receiving : uint8_t { kNone, kIntent, kPrepared, kOwned, kKept, kDropped };

// Where the receiver's copy is. kStaged: whole, beside its place. kFetched and kRenamed are not
// durable yet.
enum class Copy : uint8_t { kNone, kFetched, kStaged, kRenamed, kInLibrary };

// The source's ledger about one transfer.
enum class Giving : uint8_t { kNone, kReleased, kGone, kRestored, kRefused };

// released/<transfer_id> at the source. kRenamed and kUnlinked are not durable yet. kOrphan: no
// record is left of it (only by mistake).
enum class Hidden : uint8_t { kNone, kRenamed, kDurable, kUnlinked, kOrphan };

// Why the source says no. As a verdict also: kLooked, the file is still the listed one, as it
// seems; kTake, it is, and no person can reach it any more.
enum class Reason : uint8_t {
  kNone,
  kLooked,
  kTake,
  kBookMoved,
  kNotForTaking,
  kBookChanged,
  kBookGone,
  kTransferConflict
};

// One transfer, seen from both ends. A field named writing holds the record that is written but not
// yet durable.
struct Transfer {
  // The source's listing that is asked for; 0 until the transfer begins.
  uint8_t listing = 0;

  Receiving receiving = Receiving::kNone;
  Receiving receiver_writing = Receiving::kNone;
  Copy copy = Copy::kNone;
  // The name that kRenamed gave it.
  uint8_t placed = 0;
  // The receiver's own listing of it.
  uint8_t own_listing = 0;
  // kKept (or that is being written) because its operator said so, without a word of the source.
  uint8_t kept = 0;
  // UpdateOwner was answered. 1: the ledger says so; 2: only memory does (by mistake).
  uint8_t settled = 0;

  Giving giving = Giving::kNone;
  Giving source_writing = Giving::kNone;
  // The verdict of the running source that is not recorded yet; a crash forgets it.
  Reason verdict = Reason::kNone;
  // The reason of the recorded refusal.
  Reason refused_as = Reason::kNone;
  Hidden hidden = Hidden::kNone;
  NamedFile hidden_file;
  // The source's new listing when its operator restored the hidden copy.
  uint8_t restored_listing = 0;

  // Messages, once sent never gone; only UpdateOwner is void when the receiver's session is over.
  uint8_t release = 0;
  uint8_t ticket = 0;
  Reason refusal = Reason::kNone;
  // The number of the new listing in it; 0 when not sent.
  uint8_t update_owner = 0;
  uint8_t confirm = 0;

  // Ghost: the hidden copy counts as a book, since the receiver is lost, or has kept a copy.
  uint8_t custody = 0;
  // Ghost: the hidden copy is not the book, since a program that had the file open all the time
  // wrote into it, or since its hash was false.
  uint8_t scribbled = 0;

  bool released() const {
    return giving == Giving::kReleased || giving == Giving::kGone || giving == Giving::kRestored;
  }
};

// kEarlier: present, as stated in an earlier session of the peer.
enum class Indexed : uint8_t { kUnknown, kPresent, kEarlier, kGone };

// The state of a peer's snapshot in its present session with the index.
enum class Snapshot : uint8_t { kNone, kUnderWay, kApplied };

struct Index {
  std::array<std::array<Indexed, kListings>, kPeers> listings;
  std::array<Snapshot, kPeers> snapshots;

  Indexed& at(int peer, int number) { return listings[peer][number - 1]; }
  Indexed at(int peer, int number) const { return listings[peer][number - 1]; }
};

struct World {
  std::array<Peer, kPeers> peers;
  std::array<Transfer, kTransfers> transfers;
  Index index{};
  // How often people and operators may still act.
  uint8_t hands = 0;
  uint8_t policy_changes = 0;
  uint8_t restores = 0;
  uint8_t keeps = 0;
  uint8_t losses = 0;
  // Ghost: how many copies people are entitled to. It counts a book once however often it moves; a
  // copy, a kept or restored one and a book added by hand add one; a book that a person deletes or
  // overwrites, or that is lost with a disk, takes one away.
  uint8_t owed = 0;
  // A listing number or a name was needed beyond the bounds: the run proves nothing.
  uint8_t overflow = 0;
};

static_assert(std::has_unique_object_representations_v<World> &&
                  std::is_trivially_copyable_v<World>,
              "worlds are compared by their bytes");

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_STATE_H_
