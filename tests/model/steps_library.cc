// A peer's library: what it puts right after a restart, and what it notices of people's doings.
#include "tests/model/steps.h"
#include "tests/model/world.h"

namespace arkshare::model {
namespace {

Step By(int peer, const char* what, int t = -1) {
  return {what, static_cast<int8_t>(peer), static_cast<int8_t>(t)};
}

// A file in released/ that no RELEASED record explains.
bool Unexplained(const Model& model, const Transfer& transfer) {
  const bool there = transfer.hidden == Hidden::kRenamed || transfer.hidden == Hidden::kDurable;
  return there && (!transfer.released() || (model.Has(Mistake::kPutBackThoughReleased) &&
                                            transfer.giving == Giving::kReleased));
}

void Recover(const Model& model, const World& world, int peer, Successors& out) {
  int left = 0, first = -1;
  for (int t = 0; t < model.transfer_count(); ++t) {
    if (model.spec(t).source != peer || !Unexplained(model, world.transfers[t])) continue;
    if (first < 0) first = t;
    ++left;
  }
  World& next = out.Progress(world, By(peer, "puts back a released file without a record", first));
  if (first >= 0) PutBack(model, next, first);
  if (left <= 1) next.peers[peer].recovering = 0;
}

// A listing whose file is not what and where it was is gone.
void NoticeMissing(const Model& model, const World& world, int p, Successors& out) {
  const Peer& peer = world.peers[p];
  for (int number = 1; number <= kListings; ++number) {
    const Listing& listing = peer.at(number);
    if (listing.state != ListingState::kLive && listing.state != ListingState::kLiveOther) continue;
    const NamedFile& file = peer.library[listing.name];
    const bool forged = Forged(world, p, file);
    if (file.listing == number && !forged) continue;
    if (Locked(model, world, p, number) && !peer.recovering) continue;
    if (forged && file.listing == number) {
      World& next = out.Progress(world, By(p, "hashes a file again, and finds other bytes"));
      next.peers[p].library[listing.name].listing = 0;
      next.peers[p].at(number).state = ListingState::kGone;
      continue;
    }
    out.Progress(world, By(p, "notices that a listed file is not there any more"))
        .peers[p]
        .at(number)
        .state = ListingState::kGone;
  }
}

// Every appearance of a file is a new listing.
void NoticeNew(const Model& model, const World& world, int p, Successors& out) {
  const Peer& peer = world.peers[p];
  if (DrawingNumber(model, world, p)) return;
  for (int name = 0; name < kNames; ++name) {
    const NamedFile& file = peer.library[name];
    if (file.file == File::kNone) continue;
    if (file.listing != 0) {
      const Listing& listing = peer.at(file.listing);
      const bool listed =
          listing.state == ListingState::kLive || listing.state == ListingState::kLiveOther;
      // Renamed by a person: first its old listing ends.
      if (listed) continue;
    }
    World& next = out.Progress(world, By(p, "lists a file that it found in its folder"));
    const ListingState state =
        file.file == File::kBook ? ListingState::kLive : ListingState::kLiveOther;
    next.peers[p].library[name].listing =
        static_cast<uint8_t>(NewListing(model, next, p, state, name));
  }
}

}  // namespace

void LibrarySteps(const Model& model, const World& world, int peer, Successors& out) {
  if (world.peers[peer].recovering) {
    Recover(model, world, peer, out);
    if (!model.Has(Mistake::kScanBeforePutBack)) return;
  }
  NoticeMissing(model, world, peer, out);
  NoticeNew(model, world, peer, out);
}

}  // namespace arkshare::model
