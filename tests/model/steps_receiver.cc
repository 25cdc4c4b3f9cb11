// The receiver: fetches a verified copy, makes it durable, asks for the book until it has a ticket
// or a refusal, makes the book its own, tells the index, and lets the source forget it.
#include "tests/model/steps.h"
#include "tests/model/world.h"

namespace arkshare::model {
namespace {

Step By(const Model& model, int t, const char* what) {
  return {what, static_cast<int8_t>(model.spec(t).receiver), static_cast<int8_t>(t)};
}

// Fetches from any holder: every piece is verified. Returns whether there was one.
bool Fetch(const Model& model, const World& world, int t, Successors& out) {
  bool found = false;
  const int receiver = model.spec(t).receiver;
  for (int holder = 0; holder < model.scenario.peers; ++holder) {
    if (holder == receiver || !world.peers[holder].up()) continue;
    int served = 0;
    for (int number = 1; number <= kListings; ++number) {
      if (HasFile(world, holder, number) && !Placing(model, world, holder, number)) {
        served = number;
      }
    }
    for (int s = 0; s < model.transfer_count() && model.Has(Mistake::kServesHidden); ++s) {
      const Transfer& other = world.transfers[s];
      if (model.spec(s).source == holder && other.hidden == Hidden::kDurable) {
        served = other.listing;
      }
    }
    if (served == 0) continue;
    Step step = By(model, t, "fetches the book and verifies it");
    step.served_by = static_cast<int8_t>(holder);
    step.served_listing = static_cast<uint8_t>(served);
    out.Progress(world, step).transfers[t].copy = Copy::kFetched;
    found = true;
  }
  return found;
}

void WriteRecord(const Model& model, const World& world, int t, Receiving record, const char* what,
                 Successors& out) {
  if (record != Receiving::kPrepared && DrawingNumber(model, world, model.spec(t).receiver)) return;
  World& next = out.Progress(world, By(model, t, what));
  next.transfers[t].receiver_writing = record;
  if (record != Receiving::kPrepared) {
    next.transfers[t].own_listing =
        static_cast<uint8_t>(NextNumber(model, world, model.spec(t).receiver));
  }
}

// Steps 1 and 2 of the move, up to PREPARED.
void Prepare(const Model& model, const World& world, int t, Successors& out) {
  const bool moves = !model.spec(t).copy || model.Has(Mistake::kCopyReleases);
  switch (world.transfers[t].copy) {
    case Copy::kNone:
      if (!Fetch(model, world, t, out)) {
        out.Progress(world, By(model, t, "finds no holder and gives up")).transfers[t].receiving =
            Receiving::kDropped;
      }
      break;
    case Copy::kFetched:
      if (world.peers[model.spec(t).receiver].Blocked(model.spec(t).name) &&
          !model.Has(Mistake::kFindsPlaceUnusableLate)) {
        World& next = out.Progress(world, By(model, t, "cannot bring the book near, and gives up"));
        next.transfers[t].receiving = Receiving::kDropped;
        next.transfers[t].copy = Copy::kNone;
        break;
      }
      out.Progress(world, By(model, t, "brings the book near, and fsyncs it and its folder"))
          .transfers[t]
          .copy = Copy::kStaged;
      if (moves && model.Has(Mistake::kPreparedBeforeFsync)) {
        WriteRecord(model, world, t, Receiving::kPrepared, "writes PREPARED without fsync", out);
      }
      break;
    case Copy::kStaged:
      if (moves) {
        WriteRecord(model, world, t, Receiving::kPrepared, "writes PREPARED", out);
      } else {
        WriteRecord(model, world, t, Receiving::kKept, "writes that it owns its copy", out);
      }
      break;
    case Copy::kRenamed:
    case Copy::kInLibrary:
      break;
  }
}

// All items of a batch go in one message, once all are prepared.
bool MayRelease(const Model& model, const World& world) {
  if (!model.scenario.batch) return true;
  for (int item = 0; item < model.transfer_count(); ++item) {
    if (world.transfers[item].receiving == Receiving::kIntent) return false;
  }
  return true;
}

// Step 3: from PREPARED on only an answer of the source ends the waiting.
void AskForTheBook(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  if (!transfer.release) {
    if (!MayRelease(model, world)) return;
    World& next = out.Progress(world, By(model, t, "sends Release"));
    for (int item = 0; item < model.transfer_count(); ++item) {
      if (item == t ||
          (model.scenario.batch && next.transfers[item].receiving == Receiving::kPrepared)) {
        next.transfers[item].release = 1;
      }
      if (item != t && model.Has(Mistake::kReleasesEveryHolder) &&
          next.transfers[item].receiving == Receiving::kNone) {
        next.transfers[item].listing = 1;
        next.transfers[item].release = 1;
      }
    }
    return;
  }
  if (transfer.copy == Copy::kFetched) {
    out.Progress(world, By(model, t, "fsyncs the staged file late")).transfers[t].copy =
        Copy::kStaged;
  }
  if (transfer.copy == Copy::kNone) Fetch(model, world, t, out);
  if (model.Has(Mistake::kGivesUpAfterPrepared) && !transfer.ticket) {
    World& next = out.Chaos(world, By(model, t, "is tired of waiting and gives up"));
    next.transfers[t].receiving = Receiving::kDropped;
    next.transfers[t].copy = Copy::kNone;
  }
  if (transfer.ticket) {
    if (model.Has(Mistake::kConfirmBeforeOwned) && !transfer.confirm) {
      out.Progress(world, By(model, t, "sends Confirm early")).transfers[t].confirm = 1;
    }
    WriteRecord(model, world, t, Receiving::kOwned, "has the ticket and writes OWNED", out);
    return;
  }
  switch (transfer.refusal) {
    case Reason::kNone:
    case Reason::kLooked:
    case Reason::kTake:
      break;
    case Reason::kBookMoved:
      if (model.Has(Mistake::kKeepsWhatMoved)) {
        WriteRecord(model, world, t, Receiving::kKept, "keeps its copy of what has moved", out);
        break;
      }
      [[fallthrough]];
    case Reason::kTransferConflict: {
      World& next = out.Progress(world, By(model, t, "is refused and discards its copy"));
      next.transfers[t].receiving = Receiving::kDropped;
      next.transfers[t].copy = Copy::kNone;
      break;
    }
    case Reason::kNotForTaking:
    case Reason::kBookChanged:
    case Reason::kBookGone:
      WriteRecord(model, world, t, Receiving::kKept, "is refused and writes that it keeps its copy",
                  out);
      break;
  }
}

// Step 4: into the library, never over a file that is there, and elsewhere when the place cannot be
// used any more.
void Place(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int receiver = model.spec(t).receiver;
  const int name = world.peers[receiver].at(transfer.own_listing).name;
  const bool blocked = world.peers[receiver].Blocked(name);
  if (blocked && model.Has(Mistake::kFindsPlaceUnusableLate)) return;
  const bool taken = blocked || world.peers[receiver].library[name].file != File::kNone;
  const NamedFile book{File::kBook, transfer.own_listing};
  if (taken && !model.Has(Mistake::kReplacesName)) {
    const int free = FreeName(world, receiver, name);
    const bool record_first = !model.Has(Mistake::kNameRecordedAfterRename);
    World& next = out.Progress(world, By(model, t, "finds its name taken and records another one"));
    if (free == kNames) {
      next.overflow = 1;
    } else if (record_first) {
      next.peers[receiver].at(transfer.own_listing).name = static_cast<uint8_t>(free);
    } else {
      next.peers[receiver].library[free] = book;
      next.transfers[t].copy = Copy::kRenamed;
      next.transfers[t].placed = static_cast<uint8_t>(free);
    }
    return;
  }
  World& next = out.Progress(world, By(model, t, "renames the staged file into its library"));
  next.peers[receiver].library[name] = book;
  next.transfers[t].copy = Copy::kRenamed;
  next.transfers[t].placed = static_cast<uint8_t>(name);
}

// Steps 4 and 5, after OWNED or after a refusal that leaves the copy here.
void MakeItKnown(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  switch (transfer.copy) {
    case Copy::kNone:
      // Only by mistake: the staged file was not durable.
      out.Progress(world, By(model, t, "finds neither a staged file nor one in its library"))
          .transfers[t]
          .copy = Copy::kInLibrary;
      return;
    case Copy::kFetched:
    case Copy::kStaged:
      Place(model, world, t, out);
      break;
    case Copy::kRenamed: {
      World& next = out.Progress(world, By(model, t, "fsyncs its library and staging folders"));
      next.transfers[t].copy = Copy::kInLibrary;
      next.transfers[t].placed = 0;
      break;
    }
    case Copy::kInLibrary:
      break;
  }
  if (transfer.kept && transfer.ticket && !transfer.confirm &&
      model.Has(Mistake::kConfirmsWhatItKept)) {
    out.Progress(world, By(model, t, "sends Confirm for what it has kept")).transfers[t].confirm =
        1;
  }
  if (transfer.receiving != Receiving::kOwned) return;
  const bool placed = transfer.copy == Copy::kInLibrary;
  const bool session = world.index.snapshots[model.spec(t).receiver] != Snapshot::kNone ||
                       model.Has(Mistake::kTokenBeforeSnapshot);
  if (placed && session && !transfer.settled && transfer.update_owner != transfer.own_listing) {
    out.Progress(world, By(model, t, "sends UpdateOwner")).transfers[t].update_owner =
        transfer.own_listing;
  }
  if ((placed || model.Has(Mistake::kConfirmBeforePlaced)) && !transfer.confirm) {
    out.Progress(world, By(model, t, "sends Confirm")).transfers[t].confirm = 1;
  }
}

}  // namespace

void ReceiverSteps(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  if (!world.peers[model.spec(t).receiver].up()) return;
  if (transfer.receiver_writing != Receiving::kNone) {
    if (model.Has(Mistake::kUpdateOwnerBeforeOwned) &&
        transfer.receiver_writing == Receiving::kOwned && !transfer.update_owner) {
      out.Progress(world, By(model, t, "sends UpdateOwner early")).transfers[t].update_owner =
          transfer.own_listing;
    }
    CommitReceiver(model, out.Progress(world, By(model, t, "has that record durable")), t);
    return;
  }
  switch (transfer.receiving) {
    case Receiving::kNone:
    case Receiving::kDropped:
      break;
    case Receiving::kIntent:
      Prepare(model, world, t, out);
      break;
    case Receiving::kPrepared:
      AskForTheBook(model, world, t, out);
      break;
    case Receiving::kOwned:
    case Receiving::kKept:
      MakeItKnown(model, world, t, out);
      break;
  }
}

}  // namespace arkshare::model
