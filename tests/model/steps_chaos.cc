// Steps that no program has to take: transfers that begin or are given up, crashes, an index that
// forgets, people who change the folders by hand, operators.
#include <vector>

#include "tests/model/steps.h"
#include "tests/model/steps_crash.h"
#include "tests/model/world.h"

namespace arkshare::model {
namespace {

Step By(int peer, const char* what, int t = -1) {
  return {what, static_cast<int8_t>(peer), static_cast<int8_t>(t)};
}

// A transfer to this peer that is under way under this name: the name is reserved.
bool Reserved(const Model& model, const World& world, int peer, int name) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    if (model.spec(t).receiver == peer && model.spec(t).name == name &&
        transfer.receiving != Receiving::kNone && transfer.receiving != Receiving::kDropped &&
        transfer.copy != Copy::kInLibrary) {
      return true;
    }
  }
  return false;
}

// A user asks for a book that its holder, or a stale index, shows.
void BeginOrGiveUp(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const TransferSpec& spec = model.spec(t);
  const Peer& receiver = world.peers[spec.receiver];
  if (!receiver.up()) return;
  if (transfer.receiving == Receiving::kIntent && transfer.receiver_writing == Receiving::kNone) {
    World& next = out.Chaos(world, By(spec.receiver, "is told to give up", t));
    next.transfers[t].receiving = Receiving::kDropped;
    next.transfers[t].copy = Copy::kNone;
  }
  if (transfer.receiving != Receiving::kNone || world.peers[spec.source].lost) return;
  if (receiver.Blocked(spec.name)) return;  // refused in words
  if (receiver.library[spec.name].file != File::kNone || (model.scenario.batch && t > 0)) return;
  if (Reserved(model, world, spec.receiver, spec.name)) return;
  for (int number = 1; number <= kListings; ++number) {
    const Listing& listing = world.peers[spec.source].at(number);
    const bool live = listing.state == ListingState::kLive;
    const bool shown = world.index.at(spec.source, number) == Indexed::kPresent;
    const bool named = listing.name == spec.name || model.Has(Mistake::kTakesAnotherName);
    if (!named || (!live && !shown)) continue;
    World& next = out.Chaos(world, By(spec.receiver, "begins: INTENT", t));
    next.transfers[t].receiving = Receiving::kIntent;
    next.transfers[t].listing = static_cast<uint8_t>(number);
    // The other items of a batch follow, or are given up.
    for (int item = t + 1; item < model.transfer_count() && model.scenario.batch; ++item) {
      next.transfers[item].receiving = Receiving::kIntent;
      next.transfers[item].listing = static_cast<uint8_t>(number + item - t);
    }
  }
}

void ForgetPeer(const Model& model, World& next, int p) {
  next.index.listings[p] = {};
  EndSession(model, next, p);
  for (int t = 0; t < model.transfer_count(); ++t) {
    if (model.spec(t).receiver == p) next.transfers[t].update_owner = 0;
  }
}

void Forget(const Model& model, const World& world, Successors& out) {
  World& all = out.Chaos(world, {"restarts and has forgotten everything"});
  for (int p = 0; p < model.scenario.peers; ++p) ForgetPeer(model, all, p);
  for (int p = 0; p < model.scenario.peers; ++p) {
    if (!world.peers[p].lost) {
      ForgetPeer(model, out.Chaos(world, By(p, "is silent for a lease, and is forgotten")), p);
    }
  }
}

// A person's change in a folder makes earlier renames there durable.
void Flush(const Model& model, World& next, int peer) {
  for (int t = 0; t < model.transfer_count(); ++t) {
    Transfer& transfer = next.transfers[t];
    if (model.spec(t).receiver == peer && transfer.copy == Copy::kRenamed) {
      InLibrary(transfer);
    }
    if (model.spec(t).source == peer && transfer.hidden == Hidden::kRenamed) {
      transfer.hidden = Hidden::kDurable;
    }
  }
}

void HandsIn(const Model& model, const World& world, int p, Successors& out) {
  const uint8_t hands = model.scenario.hands;
  auto act = [&](const char* what) -> World& {
    World& next = out.Chaos(world, By(p, what));
    --next.hands;
    Flush(model, next, p);
    return next;
  };
  for (int name = 0; name < kNames; ++name) {
    const NamedFile& file = world.peers[p].library[name];
    if (file.file == File::kBook) {
      if (hands & kEdit) {
        World& next = act("HAND: the book is overwritten with something else");
        next.peers[p].library[name] = {File::kOther, 0};
        ++next.peers[p].others;
        --next.owed;
      }
      if ((hands & kForge) && file.listing != 0) {
        World& next = act("HAND: the book is changed, and its times are put back");
        next.peers[p].library[name].file = File::kOther;
        ++next.peers[p].others;
        --next.owed;
      }
      if (hands & kDelete) {
        World& next = act("HAND: the book is deleted");
        next.peers[p].library[name] = {};
        --next.owed;
      }
      const int free = FreeName(world, p, name);
      if ((hands & kRename) && free < kNames) {
        World& next = act("HAND: the book is renamed");
        next.peers[p].library[free] = file;
        next.peers[p].library[name] = {};
      }
    }
    if ((hands & kBlock) && file.file == File::kNone && name < kNames - 1 &&
        !world.peers[p].Blocked(name)) {
      World& next = act("HAND: the place of a book cannot be used any more");
      next.peers[p].blocked = static_cast<uint8_t>(next.peers[p].blocked | 1U << name);
    }
    if (file.file != File::kNone || name > model.transfer_count() || name >= 2) continue;
    bool wanted = false;
    for (const TransferSpec& spec : model.scenario.transfers) wanted |= spec.name == name;
    if (!wanted) continue;
    if (hands & kTakeName) {
      World& next = act("HAND: another file takes the name");
      next.peers[p].library[name] = {File::kOther, 0};
      ++next.peers[p].others;
    }
    if (hands & kAddBook) {
      World& next = act("HAND: a copy of the book appears, from a backup");
      next.peers[p].library[name] = {File::kBook, 0};
      ++next.owed;
    }
  }
}

// A program that opened the book before it was hidden goes on writing into it.
void Scribble(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  if (!(model.scenario.hands & kScribble) || !(model.scenario.hands_at & Only(source))) return;
  if (transfer.hidden_file.file != File::kBook || transfer.hidden == Hidden::kUnlinked) return;
  World& next = out.Chaos(
      world, By(source, "HAND: a program that had the hidden file open writes into it", t));
  --next.hands;
  ++next.peers[source].others;
  next.transfers[t].hidden_file = {File::kOther, 0};
  next.transfers[t].scribbled = 1;
  // Once released, the receiver's copy is the book; before that, or once restored, the hidden one
  // was.
  const bool released = transfer.giving == Giving::kReleased || transfer.giving == Giving::kGone;
  if (transfer.custody || !released) --next.owed;
  next.transfers[t].custody = 0;
}

// An operator takes back a hidden copy, knowing that a second one may exist.
void Restore(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  if (transfer.giving != Giving::kReleased || transfer.hidden != Hidden::kDurable) return;
  if (transfer.hidden_file.file != File::kBook) return;
  if (!world.peers[source].up() || DrawingNumber(model, world, source)) return;
  World& next = out.Chaos(world, By(source, "OPERATOR: restores the hidden copy", t));
  --next.restores;
  next.transfers[t].giving = Giving::kRestored;
  next.transfers[t].restored_listing = static_cast<uint8_t>(
      NewListing(model, next, source, ListingState::kLive, model.spec(t).name));
  if (!transfer.custody) ++next.owed;
  next.transfers[t].custody = 0;
}

// An operator tires of a source that does not answer, and keeps the prepared copy.
void Keep(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int receiver = model.spec(t).receiver;
  if (!world.peers[receiver].up() || transfer.receiver_writing != Receiving::kNone) return;
  if (transfer.receiving == Receiving::kOwned && model.Has(Mistake::kKeepsWhatItOwns)) {
    World& next = out.Chaos(world, By(receiver, "OPERATOR: keeps what came with a ticket", t));
    --next.keeps;
    next.transfers[t].receiving = Receiving::kKept;
    next.transfers[t].kept = 1;
    CountKept(next, t);
  }
  if (transfer.receiving != Receiving::kPrepared || DrawingNumber(model, world, receiver)) return;
  World& next = out.Chaos(world, By(receiver, "OPERATOR: keeps the prepared copy", t));
  --next.keeps;
  next.transfers[t].receiver_writing = Receiving::kKept;
  next.transfers[t].kept = 1;
  next.transfers[t].own_listing = static_cast<uint8_t>(NextNumber(model, world, receiver));
}

// The files on a peer's disk by which it owns the book: in its library, or still on their way there
// or not yet given away.
std::vector<NamedFile> OwnedBooks(const Model& model, const World& world, int p) {
  std::vector<NamedFile> owned;
  for (const NamedFile& file : world.peers[p].library) {
    if (file.file == File::kBook) owned.push_back(file);
  }
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    const bool hidden = transfer.hidden != Hidden::kNone &&
                        transfer.hidden_file.file == File::kBook &&
                        (!transfer.released() || transfer.giving == Giving::kRestored);
    if (model.spec(t).source == p && hidden) owned.push_back(transfer.hidden_file);
    const bool staged =
        transfer.copy == Copy::kStaged &&
        (transfer.receiving == Receiving::kOwned || transfer.receiving == Receiving::kKept);
    if (model.spec(t).receiver == p && staged) {
      owned.push_back({File::kBook, transfer.own_listing});
    }
  }
  return owned;
}

// The disk is gone, and with it the peer's key. What it owned is lost, unless a source still hides
// it.
void Lose(const Model& model, const World& world, int p, Successors& out) {
  World& next = out.Chaos(world, By(p, "DISASTER: the disk is lost for good"));
  --next.losses;
  const std::vector<NamedFile> owned = OwnedBooks(model, world, p);
  next.owed = static_cast<uint8_t>(next.owed - owned.size());
  for (int t = 0; t < model.transfer_count(); ++t) {
    Transfer& transfer = next.transfers[t];
    if (model.spec(t).source == p) {
      if (transfer.custody) --next.owed;
      transfer.custody = transfer.scribbled = 0;
      transfer.hidden = Hidden::kNone;
      transfer.hidden_file = {};
    }
    if (model.spec(t).receiver != p) continue;
    bool owns = false;
    for (const NamedFile& file : owned) {
      owns |= transfer.receiving == Receiving::kOwned && file.listing == transfer.own_listing;
    }
    const bool prepared =
        transfer.receiving == Receiving::kPrepared && transfer.copy == Copy::kStaged;
    const bool hidden =
        !transfer.confirm && !transfer.scribbled && transfer.giving != Giving::kRestored;
    if ((owns || prepared) && hidden) {
      transfer.custody = 1;
      if (owns) ++next.owed;
    } else if (prepared && (transfer.confirm || transfer.released())) {
      --next.owed;
    }
    transfer.update_owner = 0;
    transfer.copy = Copy::kNone;
  }
  next.peers[p] = Peer{};
  next.peers[p].lost = 1;
  next.index.listings[p] = {};
  next.index.snapshots[p] = Snapshot::kNone;
}

}  // namespace

void ChaosSteps(const Model& model, const World& world, Successors& out) {
  const Scenario& scenario = model.scenario;
  for (int t = 0; t < model.transfer_count(); ++t) {
    BeginOrGiveUp(model, world, t, out);
    if (world.restores > 0) Restore(model, world, t, out);
    if (world.keeps > 0) Keep(model, world, t, out);
    if (world.hands > 0) Scribble(model, world, t, out);
  }
  for (int p = 0; p < scenario.peers; ++p) {
    if (world.peers[p].lost) continue;
    if (scenario.crashes & Only(p)) {
      for (const World& after : AfterCrash(model, world, p)) {
        out.Chaos(world, By(p, "CRASHES and restarts")) = after;
      }
    }
    if (world.hands > 0 && (scenario.hands_at & Only(p))) HandsIn(model, world, p, out);
    if (world.losses > 0 && (scenario.may_be_lost & Only(p))) Lose(model, world, p, out);
    if (world.policy_changes > 0) {
      World& next = out.Chaos(world, By(p, "OPERATOR: changes the policy"));
      --next.policy_changes;
      next.peers[p].lends ^= 1;
    }
  }
  if (scenario.index_forgets) Forget(model, world, out);
}

}  // namespace arkshare::model
