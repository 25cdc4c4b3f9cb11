#include "tests/model/world.h"

#include <algorithm>

namespace arkshare::model {

bool HasFile(const World& world, int peer, int number) {
  const Listing& listing = world.peers[peer].at(number);
  const NamedFile& file = world.peers[peer].library[listing.name];
  return listing.state == ListingState::kLive && file.file == File::kBook && file.listing == number;
}

bool Forged(const World& world, int peer, const NamedFile& file) {
  return file.file == File::kOther && file.listing != 0 &&
         world.peers[peer].at(file.listing).state == ListingState::kLive;
}

bool Placing(const Model& model, const World& world, int peer, int number) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    const bool receiving =
        (transfer.receiving == Receiving::kOwned || transfer.receiving == Receiving::kKept) &&
        transfer.copy != Copy::kInLibrary;
    if (model.spec(t).receiver == peer && transfer.own_listing == number && receiving) return true;
    const bool restoring = transfer.giving == Giving::kRestored && transfer.hidden != Hidden::kNone;
    if (model.spec(t).source == peer && transfer.restored_listing == number && restoring) {
      return true;
    }
  }
  return false;
}

bool Locked(const Model& model, const World& world, int peer, int number) {
  if (Placing(model, world, peer, number)) return true;
  if (model.Has(Mistake::kScanDuringRelease)) return false;
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    if (model.spec(t).source != peer) continue;
    const bool releasing = !transfer.released() && transfer.hidden != Hidden::kNone &&
                           transfer.hidden != Hidden::kOrphan;
    const bool swept_along = transfer.hidden_file.listing == number;
    if ((transfer.listing == number || swept_along) && releasing) return true;
  }
  return false;
}

bool Unsettled(const Model& model, const World& world, int peer, int number) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    if (model.spec(t).receiver == peer && transfer.receiving == Receiving::kOwned &&
        transfer.own_listing == number && !transfer.settled) {
      return true;
    }
  }
  return false;
}

int FreeName(const World& world, int peer, int wanted) {
  const auto& library = world.peers[peer].library;
  for (int i = 0; i < kNames; ++i) {
    const int name = (wanted + i) % kNames;
    if (library[name].file == File::kNone && !world.peers[peer].Blocked(name)) return name;
  }
  return kNames;
}

int NextNumber(const Model& model, const World& world, int peer) {
  int drawn = 0;
  for (int number = 1; number <= kListings; ++number) {
    const ListingState state = world.peers[peer].at(number).state;
    if (model.Has(Mistake::kNumberReused)) {
      // The largest number in the library, not a counter that lasts.
      if (state == ListingState::kLive || state == ListingState::kLiveOther) drawn = number;
    } else if (state != ListingState::kUnborn) {
      drawn = number;
    }
  }
  return drawn + 1;
}

bool DrawingNumber(const Model& model, const World& world, int peer) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    if (model.spec(t).receiver == peer && transfer.receiver_writing != Receiving::kNone &&
        transfer.own_listing != 0) {
      return true;
    }
  }
  return false;
}

void BearListing(World& world, int peer, int number, ListingState state, int name) {
  if (number > kListings || name >= kNames) {
    world.overflow = 1;
    return;
  }
  Listing& listing = world.peers[peer].at(number);
  listing.state = state;
  listing.name = static_cast<uint8_t>(name);
  // Said at once, heard whenever; while a snapshot is under way it waits for its end.
  listing.said = world.index.snapshots[peer] == Snapshot::kApplied && state == ListingState::kLive;
}

int NewListing(const Model& model, World& world, int peer, ListingState state, int name) {
  const int number = NextNumber(model, world, peer);
  BearListing(world, peer, number, state, name);
  return number;
}

void PutBack(const Model& model, World& world, int t) {
  Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  Peer& peer = world.peers[source];
  const int number =
      transfer.hidden_file.listing != 0 ? transfer.hidden_file.listing : transfer.listing;
  const int name = FreeName(world, source, peer.at(number).name);
  if (name == kNames) {
    world.overflow = 1;
    return;
  }
  transfer.scribbled = 0;
  peer.library[name] = transfer.hidden_file;
  transfer.hidden_file = {};
  transfer.hidden = Hidden::kNone;
}

void InLibrary(Transfer& transfer) {
  transfer.copy = Copy::kInLibrary;
  transfer.placed = 0;
}

void CommitReceiver(const Model& model, World& world, int t) {
  Transfer& transfer = world.transfers[t];
  transfer.receiving = transfer.receiver_writing;
  transfer.receiver_writing = Receiving::kNone;
  if (transfer.receiving == Receiving::kPrepared) return;
  BearListing(world, model.spec(t).receiver, transfer.own_listing, ListingState::kLive,
              model.spec(t).name);
  if (transfer.kept) {
    CountKept(world, t);
  } else if (transfer.receiving == Receiving::kKept) {
    ++world.owed;
  }
}

void CountKept(World& world, int t) {
  Transfer& transfer = world.transfers[t];
  // By the source's record the book had come here, and this is it.
  if (transfer.giving == Giving::kRestored || transfer.giving == Giving::kGone) return;
  if (transfer.giving == Giving::kReleased) {
    if (transfer.hidden_file.file != File::kBook) return;
    transfer.custody = 1;
  }
  ++world.owed;
}

void CommitSource(const Model& model, World& world, int t) {
  Transfer& transfer = world.transfers[t];
  transfer.giving = transfer.source_writing;
  transfer.source_writing = Giving::kNone;
  if (transfer.giving == Giving::kRefused) {
    transfer.refused_as = transfer.verdict;
  } else {
    world.peers[model.spec(t).source].at(transfer.listing).state = ListingState::kReleased;
    const bool comes_here = !world.peers[model.spec(t).receiver].lost &&
                            !(transfer.kept && transfer.receiving == Receiving::kKept);
    if (transfer.scribbled && comes_here) ++world.owed;
    // The receiver has its copy and does not ask any more: a late Release.
    if (!transfer.scribbled && transfer.kept && transfer.receiving == Receiving::kKept) {
      transfer.custody = 1;
    }
    if (model.Has(Mistake::kDeleteAtReleased)) {
      transfer.hidden = Hidden::kNone;
      transfer.hidden_file = {};
    }
  }
  transfer.verdict = Reason::kNone;
}

void EndSession(const Model& model, World& world, int p) {
  Peer& peer = world.peers[p];
  for (Listing& listing : peer.listings) listing.said = 0;
  // A peer that has nothing to state is through with it.
  const bool nothing =
      std::all_of(peer.listings.begin(), peer.listings.end(),
                  [](const Listing& listing) { return listing.state == ListingState::kUnborn; });
  world.index.snapshots[p] =
      nothing && !model.scenario.slow_snapshots ? Snapshot::kApplied : Snapshot::kNone;
}

}  // namespace arkshare::model
