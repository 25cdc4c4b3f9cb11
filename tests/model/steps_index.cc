// The index: hears statements and UpdateOwner in any order. A listing that is gone stays gone, so
// the order does not matter.
#include "tests/model/steps.h"
#include "tests/model/world.h"

namespace arkshare::model {
namespace {

Step Index(const char* what, int t = -1) { return {what, -1, static_cast<int8_t>(t)}; }

bool Dead(ListingState state) {
  return state == ListingState::kReleased || state == ListingState::kGone;
}

// Returns the entry after "present" arrived.
Indexed Present(const Model& model, Indexed entry) {
  const bool final = entry == Indexed::kGone && !model.Has(Mistake::kLastWriterWins);
  return final ? Indexed::kGone : Indexed::kPresent;
}

void HearSnapshot(const Model& model, World& next, int p) {
  Peer& peer = next.peers[p];
  for (int number = 1; number <= kListings; ++number) {
    Listing& listing = peer.at(number);
    Indexed& entry = next.index.at(p, number);
    if (listing.said) {
      entry = Present(model, entry);
    } else if (entry == Indexed::kEarlier ||
               (entry == Indexed::kPresent && model.Has(Mistake::kSnapshotEndsNewListings))) {
      // Known from an earlier session, and not repeated. What UpdateOwner has told in this session
      // may be younger than the snapshot.
      entry = Indexed::kGone;
    }
    // A listing that appeared while the snapshot was under way follows it.
    if (listing.state == ListingState::kLive) listing.said = 1;
  }
  next.index.snapshots[p] = Snapshot::kApplied;
}

void TakeSnapshot(const Model& model, World& next, int p) {
  for (Listing& listing : next.peers[p].listings)
    listing.said = listing.state == ListingState::kLive;
  // With the new session begins, the old one's token is worth nothing.
  for (int t = 0; t < model.transfer_count(); ++t) {
    if (model.spec(t).receiver == p) next.transfers[t].update_owner = 0;
  }
  next.index.snapshots[p] = Snapshot::kUnderWay;
}

// The peer has been answered an UpdateOwner in which it presented this listing.
bool PresentedByUpdateOwner(const Model& model, const World& world, int p, int number) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    if (model.spec(t).receiver == p && transfer.own_listing == number && transfer.settled &&
        transfer.update_owner == number) {
      return true;
    }
  }
  return false;
}

// The peer's own statements.
void HearStatements(const Model& model, const World& world, int p, Successors& out) {
  const Peer& peer = world.peers[p];
  if (world.index.snapshots[p] == Snapshot::kNone && peer.up()) {
    World& next = out.Progress(
        world, {model.scenario.slow_snapshots ? "begins to state its folder"
                                              : "states its folder, and the index hears it",
                static_cast<int8_t>(p)});
    TakeSnapshot(model, next, p);
    if (!model.scenario.slow_snapshots) HearSnapshot(model, next, p);
  }
  if (world.index.snapshots[p] == Snapshot::kUnderWay) {
    HearSnapshot(model, out.Progress(world, Index("has the whole snapshot of a peer")), p);
  }
  if (world.index.snapshots[p] != Snapshot::kApplied) return;
  for (int number = 1; number <= kListings; ++number) {
    const Listing& listing = peer.at(number);
    const Indexed entry = world.index.at(p, number);
    if (listing.said && Present(model, entry) != entry) {
      out.Progress(world, Index("hears that a listing is present")).index.at(p, number) =
          Indexed::kPresent;
    }
    bool says_gone = listing.said && Dead(listing.state);
    // After UpdateOwner was answered, the receiver looks whether it still has the book.
    says_gone |= Dead(listing.state) && !model.Has(Mistake::kNoGoneAfterUpdateOwner) &&
                 PresentedByUpdateOwner(model, world, p, number);
    if (model.Has(Mistake::kGoneSaidBeforeReleased) && listing.said) {
      for (int t = 0; t < model.transfer_count(); ++t) {
        says_gone |= model.spec(t).source == p && world.transfers[t].listing == number &&
                     world.transfers[t].hidden != Hidden::kNone;
      }
    }
    if (says_gone && entry != Indexed::kGone) {
      out.Progress(world, Index("hears that a listing is gone")).index.at(p, number) =
          Indexed::kGone;
    }
  }
}

// Present at the receiver and gone at the source, in one step.
void HearUpdateOwner(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const TransferSpec& spec = model.spec(t);
  if (transfer.update_owner == 0) return;
  const Indexed mine = world.index.at(spec.receiver, transfer.update_owner);
  const Indexed theirs = world.index.at(spec.source, transfer.listing);
  const bool answered = transfer.settled || transfer.receiving != Receiving::kOwned ||
                        transfer.own_listing != transfer.update_owner ||
                        !world.peers[spec.receiver].up();
  // Until the receiver has begun a new session, this is a statement of the old one.
  const bool old = world.index.snapshots[spec.receiver] == Snapshot::kNone &&
                   !model.Has(Mistake::kTokenBeforeSnapshot);
  Indexed heard = Present(model, mine);
  if (heard == Indexed::kPresent && old) heard = Indexed::kEarlier;
  auto hear = [&](World& next) {
    next.index.at(spec.receiver, transfer.update_owner) = heard;
    next.index.at(spec.source, transfer.listing) = Indexed::kGone;
  };
  if (heard != mine || theirs != Indexed::kGone) {
    hear(out.Progress(world, Index("hears UpdateOwner, and its answer is lost", t)));
  }
  if (!answered) {
    World& next =
        out.Progress(world, Index("hears UpdateOwner, and the receiver records the answer", t));
    hear(next);
    next.transfers[t].settled = model.Has(Mistake::kSettledInMemory) ? 2 : 1;
  }
}

}  // namespace

void IndexSteps(const Model& model, const World& world, int peer, Successors& out) {
  HearStatements(model, world, peer, out);
  for (int t = 0; t < model.transfer_count(); ++t) {
    if (model.spec(t).receiver == peer) HearUpdateOwner(model, world, t, out);
  }
}

}  // namespace arkshare::model
