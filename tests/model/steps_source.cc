// The source: hides the file first and looks at what it has hidden, records, answers, and deletes
// its hidden copy when the receiver confirms.
#include "tests/model/steps.h"
#include "tests/model/world.h"

namespace arkshare::model {
namespace {

Step By(const Model& model, int t, const char* what) {
  return {what, static_cast<int8_t>(model.spec(t).source), static_cast<int8_t>(t)};
}

bool Refuses(Reason verdict) {
  return verdict != Reason::kNone && verdict != Reason::kLooked && verdict != Reason::kTake;
}

// Something of this release is under way and not yet in the ledger.
bool Deciding(const Transfer& transfer) {
  return !transfer.released() &&
         (transfer.hidden != Hidden::kNone || transfer.source_writing != Giving::kNone ||
          transfer.verdict != Reason::kNone);
}

// The answer to a Release that has been decided: always the same one.
void Answer(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  if (transfer.released() && !transfer.ticket) {
    out.Progress(world, By(model, t, "answers with the ticket")).transfers[t].ticket = 1;
  }
  if (transfer.giving == Giving::kRefused && transfer.refusal == Reason::kNone) {
    out.Progress(world, By(model, t, "answers with the refusal")).transfers[t].refusal =
        transfer.refused_as;
  }
}

// Returns whether another transfer has the same id; if that one is recorded, answers so.
bool Conflicts(const Model& model, const World& world, int t, Successors& out) {
  if (!model.scenario.same_id) return false;
  for (int o = 0; o < model.transfer_count(); ++o) {
    const Transfer& other = world.transfers[o];
    if (o == t || model.spec(o).source != model.spec(t).source) continue;
    if (other.giving != Giving::kNone) {
      if (model.Has(Mistake::kIdReuseAccepted)) {
        if (other.released() && !world.transfers[t].ticket) {
          out.Progress(world, By(model, t, "answers with the ticket that has this id"))
              .transfers[t]
              .ticket = 1;
        }
      } else if (world.transfers[t].refusal == Reason::kNone) {
        out.Progress(world, By(model, t, "answers that the id belongs to another transfer"))
            .transfers[t]
            .refusal = Reason::kTransferConflict;
      }
      return true;
    }
    if (Deciding(other)) return true;
  }
  return false;
}

// The answer to a Release from the ledger without the disk; kNone when the file must be looked at.
Reason LedgerSays(const Model& model, const World& world, int t) {
  const Peer& peer = world.peers[model.spec(t).source];
  switch (peer.at(world.transfers[t].listing).state) {
    case ListingState::kReleased:
      if (!model.Has(Mistake::kReleasesWhatIsGone)) return Reason::kBookMoved;
      break;
    case ListingState::kUnborn:
    case ListingState::kLiveOther:
    case ListingState::kGone:
      return Reason::kBookGone;
    case ListingState::kLive:
      break;
  }
  return peer.lends ? Reason::kNotForTaking : Reason::kNone;
}

void Hide(const Model& model, const World& world, int t, const char* what, Successors& out) {
  const int source = model.spec(t).source;
  World& next = out.Progress(world, By(model, t, what));
  const int name = world.peers[source].at(world.transfers[t].listing).name;
  NamedFile& file = next.peers[source].library[name];
  if (file.file == File::kNone) {
    next.transfers[t].verdict = Reason::kBookGone;
    return;
  }
  if (model.scenario.fixed & Only(source)) {
    next.transfers[t].verdict =
        model.Has(Mistake::kAsksAgainWhenFixed) ? Reason::kNone : Reason::kNotForTaking;
    return;
  }
  if (next.transfers[t].verdict == Reason::kLooked) next.transfers[t].verdict = Reason::kNone;
  for (int o = 0; o < model.transfer_count(); ++o) {
    Transfer& other = next.transfers[o];
    // A file that came here by a rename is renamed again: a journal keeps that order.
    if (model.spec(o).receiver == source && other.copy == Copy::kRenamed && other.placed == name) {
      other.copy = Copy::kInLibrary;
      other.placed = 0;
    }
  }
  next.transfers[t].hidden = Hidden::kRenamed;
  next.transfers[t].hidden_file = file;
  next.transfers[t].scribbled = Forged(world, source, file);
  file = {};
}

// Nothing has been done yet for this Release.
void Begin(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  const Reason reason = LedgerSays(model, world, t);
  if (reason != Reason::kNone) {
    if (!model.Has(Mistake::kRefusalNotRecorded)) {
      out.Progress(world, By(model, t, "decides to refuse")).transfers[t].verdict = reason;
    } else if (transfer.refusal == Reason::kNone) {
      out.Progress(world, By(model, t, "refuses without a record")).transfers[t].refusal = reason;
    }
    return;
  }
  // BOOK_UNSETTLED: not final, the receiver asks again.
  if (!model.Has(Mistake::kReleasesUnplaced) && Placing(model, world, source, transfer.listing)) {
    return;
  }
  if (!model.Has(Mistake::kReleasesUnsettled) &&
      Unsettled(model, world, source, transfer.listing)) {
    return;
  }
  for (int o = 0; o < model.transfer_count(); ++o) {
    const Transfer& other = world.transfers[o];
    if (o != t && model.spec(o).source == source && other.listing == transfer.listing &&
        Deciding(other)) {
      return;  // One at a time; it answers this one, too.
    }
  }
  // The first look spares other people's files a needless journey. It proves nothing: the file may
  // be swapped before it is renamed.
  const int name = world.peers[source].at(transfer.listing).name;
  const NamedFile& file = world.peers[source].library[name];
  const bool enough =
      model.Has(Mistake::kCheckBeforeRename) || model.Has(Mistake::kRecordBeforeRename);
  out.Progress(world, By(model, t, "looks at the file under its library name"))
      .transfers[t]
      .verdict = file.file == File::kNone           ? Reason::kBookGone
                 : file.listing != transfer.listing ? Reason::kBookChanged
                 : enough                           ? Reason::kTake
                                                    : Reason::kLooked;
}

// Step 3 of the move, until there is something to record.
void Decide(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  switch (transfer.hidden) {
    case Hidden::kNone:
      if (transfer.verdict == Reason::kNone) {
        Begin(model, world, t, out);
      } else if (transfer.verdict == Reason::kLooked) {
        Hide(model, world, t, "renames the file to released/", out);
      } else if (transfer.verdict == Reason::kTake && model.Has(Mistake::kCheckBeforeRename)) {
        Hide(model, world, t, "renames the file to released/ without another look", out);
      }
      break;
    case Hidden::kRenamed:
    case Hidden::kDurable:
      if (transfer.verdict == Reason::kNone) {
        const bool same = transfer.hidden_file.listing == transfer.listing;
        out.Progress(world, By(model, t, "checks inode, size and mtime of what it has renamed"))
            .transfers[t]
            .verdict = same ? Reason::kTake : Reason::kBookChanged;
      } else if (Refuses(transfer.verdict)) {
        PutBack(model, out.Progress(world, By(model, t, "puts the file back")), t);
      } else if (transfer.hidden == Hidden::kRenamed) {
        out.Progress(world, By(model, t, "fsyncs the library and released/")).transfers[t].hidden =
            Hidden::kDurable;
      }
      break;
    case Hidden::kUnlinked:
    case Hidden::kOrphan:
      break;
  }
}

bool Decided(const Model& model, const Transfer& transfer) {
  if (Refuses(transfer.verdict)) return transfer.hidden == Hidden::kNone;
  if (transfer.verdict != Reason::kTake) return false;
  return transfer.hidden == Hidden::kDurable ||
         (transfer.hidden == Hidden::kRenamed && model.Has(Mistake::kReleasedFoldersNotSynced)) ||
         model.Has(Mistake::kRecordBeforeRename);
}

// One transaction for all items of a Release. RELEASED in it is the commit point of their moves.
void Record(const Model& model, const World& world, int t, Successors& out) {
  const bool together = model.scenario.batch && !model.Has(Mistake::kBatchInSeparateTransactions);
  const int end = together ? model.transfer_count() : t + 1;
  for (int item = 0; item < t && together; ++item) {
    const Transfer& transfer = world.transfers[item];
    if (transfer.giving == Giving::kNone && transfer.release) return;  // Done with that one.
  }
  bool open = false, writing = false, undecided = false;
  for (int item = t; item < end; ++item) {
    const Transfer& transfer = world.transfers[item];
    if (transfer.giving != Giving::kNone || !transfer.release) continue;
    open = true;
    writing |= transfer.source_writing != Giving::kNone;
    undecided |= !Decided(model, transfer);
  }
  if (!open || (undecided && !writing)) return;
  World& next = out.Progress(world, By(model, t,
                                       writing ? "has the records durable (commit point)"
                                               : "writes RELEASED or the refusal"));
  for (int item = t; item < end; ++item) {
    Transfer& transfer = next.transfers[item];
    if (transfer.giving != Giving::kNone || !transfer.release) continue;
    if (writing) {
      CommitSource(model, next, item);
    } else {
      transfer.source_writing =
          transfer.verdict == Reason::kTake ? Giving::kReleased : Giving::kRefused;
    }
  }
}

// Step 5: the receiver owns the book.
void Forget(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  if (!transfer.confirm) return;
  if (transfer.giving == Giving::kRestored) {
    if (model.Has(Mistake::kConfirmBeatsRestore) && transfer.hidden == Hidden::kDurable) {
      World& next = out.Progress(world, By(model, t, "deletes the hidden copy in spite of all"));
      next.transfers[t].hidden = Hidden::kNone;
      next.transfers[t].hidden_file = {};
    }
    return;
  }
  if (transfer.giving == Giving::kGone && transfer.verdict == Reason::kTake) {
    World& next = out.Progress(world, By(model, t, "unlinks the hidden copy after GONE"));
    next.transfers[t].hidden = Hidden::kNone;
    next.transfers[t].hidden_file = {};
    next.transfers[t].verdict = Reason::kNone;
  }
  if (transfer.giving != Giving::kReleased) return;
  switch (transfer.hidden) {
    case Hidden::kRenamed:
    case Hidden::kDurable: {
      // Its receiver has verified the bytes of this very file, or the source hashes it.
      const bool looks_the_same = transfer.hidden_file.listing == transfer.listing;
      const bool believed = model.Has(Mistake::kUnlinksUnseen) ||
                            (model.Has(Mistake::kUnlinksUnproven) && looks_the_same);
      if (transfer.hidden_file.file == File::kOther && !believed) {
        PutBack(model,
                out.Progress(world, By(model, t,
                                       "finds that its hidden copy is not the book, and "
                                       "puts it back")),
                t);
        break;
      }
      const bool early = model.Has(Mistake::kGoneBeforeUnlink);
      World& next = out.Progress(
          world, By(model, t, early ? "records GONE at Confirm" : "unlinks the hidden copy"));
      if (early) {
        next.transfers[t].giving = Giving::kGone;
        next.transfers[t].verdict = Reason::kTake;
      } else {
        next.transfers[t].hidden = Hidden::kUnlinked;
      }
      break;
    }
    case Hidden::kUnlinked: {
      World& next = out.Progress(world, By(model, t, "fsyncs released/"));
      next.transfers[t].hidden = Hidden::kNone;
      next.transfers[t].hidden_file = {};
      break;
    }
    case Hidden::kNone: {
      World& next = out.Progress(world, By(model, t, "records GONE"));
      next.transfers[t].giving = model.Has(Mistake::kForgetsAtGone) ? Giving::kNone : Giving::kGone;
      break;
    }
    case Hidden::kOrphan:
      break;
  }
}

// The operator has taken a hidden copy back: it goes into the library under its new listing.
void FinishRestore(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  World& next = out.Progress(world, By(model, t, "renames the restored copy into its library"));
  const int name = FreeName(world, source, world.peers[source].at(transfer.restored_listing).name);
  if (name == kNames) {
    next.overflow = 1;
    return;
  }
  next.peers[source].at(transfer.restored_listing).name = static_cast<uint8_t>(name);
  const bool same = transfer.hidden_file.file == File::kBook;
  next.peers[source].library[name] = {transfer.hidden_file.file,
                                      same ? transfer.restored_listing : uint8_t{0}};
  next.transfers[t].scribbled = 0;
  next.transfers[t].hidden = Hidden::kNone;
  next.transfers[t].hidden_file = {};
}

}  // namespace

void SourceSteps(const Model& model, const World& world, int t, Successors& out) {
  const Transfer& transfer = world.transfers[t];
  const int source = model.spec(t).source;
  if (!transfer.release || !world.peers[source].up()) return;
  Answer(model, world, t, out);
  Forget(model, world, t, out);
  if (transfer.giving == Giving::kRestored && transfer.hidden == Hidden::kDurable) {
    FinishRestore(model, world, t, out);
  }
  if (model.Has(Mistake::kTicketBeforeReleased) && !transfer.ticket &&
      transfer.source_writing == Giving::kReleased) {
    out.Progress(world, By(model, t, "answers with the ticket before the record is durable"))
        .transfers[t]
        .ticket = 1;
  }
  if (model.Has(Mistake::kBatchInSeparateTransactions) && model.scenario.batch &&
      !transfer.ticket && transfer.verdict == Reason::kTake &&
      transfer.hidden == Hidden::kDurable && world.transfers[0].released()) {
    out.Progress(world, By(model, t, "answers for the whole batch after the first record"))
        .transfers[t]
        .ticket = 1;
  }
  if (model.Has(Mistake::kRecordBeforeRename) && transfer.giving == Giving::kReleased &&
      transfer.hidden == Hidden::kNone && !transfer.confirm) {
    const Listing& listing = world.peers[source].at(transfer.listing);
    if (world.peers[source].library[listing.name].file != File::kNone) {
      Hide(model, world, t, "renames the file to released/ by its name", out);
    }
  }
  if (transfer.giving != Giving::kNone || Conflicts(model, world, t, out)) return;
  if (transfer.source_writing == Giving::kNone) Decide(model, world, t, out);
  Record(model, world, t, out);
}

}  // namespace arkshare::model
