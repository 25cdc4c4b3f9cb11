#include "tests/model/invariants.h"

#include "tests/model/world.h"

namespace arkshare::model {
namespace {

bool InFolder(Hidden hidden) { return hidden != Hidden::kNone && hidden != Hidden::kUnlinked; }

// Counts the durable, complete copies of the book on disks that are not lost, hidden ones too.
int DurableCopies(const Model& model, const World& world) {
  int copies = 0;
  for (const Peer& peer : world.peers) {
    for (const NamedFile& file : peer.library) copies += file.file == File::kBook;
  }
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    const TransferSpec& spec = model.spec(t);
    copies += !world.peers[spec.source].lost && InFolder(transfer.hidden) &&
              transfer.hidden_file.file == File::kBook;
    // Before PREPARED the receiver may still throw it away.
    copies += !world.peers[spec.receiver].lost && transfer.copy == Copy::kStaged &&
              transfer.receiving != Receiving::kIntent;
  }
  return copies;
}

int LiveCopies(const World& world) {
  int live = 0;
  for (int p = 0; p < kPeers; ++p) {
    for (int number = 1; number <= kListings; ++number) live += HasFile(world, p, number);
  }
  return live;
}

// Files of other contents on one disk.
int Others(const Model& model, const World& world, int p) {
  int others = 0;
  for (const NamedFile& file : world.peers[p].library) others += file.file == File::kOther;
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    others += model.spec(t).source == p && InFolder(transfer.hidden) &&
              transfer.hidden_file.file == File::kOther;
  }
  return others;
}

// A book that was never to be copied is in the world once. People and operators can make copies of
// it in many ways: by hand, by restoring, by lending.
int MostOwed(const Model& model, const World& world) {
  const Scenario& scenario = model.scenario;
  int most = static_cast<int>(scenario.books.size());
  for (const TransferSpec& spec : scenario.transfers) {
    most +=
        spec.copy || (scenario.lends & Only(spec.source)) || (scenario.fixed & Only(spec.source));
  }
  // One hand can add a book, and take the name of one that is put back: then every receiver keeps
  // its copy.
  most += (scenario.hand_count - world.hands) * (model.transfer_count() + 1);
  most += (scenario.policy_changes - world.policy_changes) * model.transfer_count();
  most += scenario.restores - world.restores;
  most += scenario.keeps - world.keeps;
  return most;
}

// The number of listings with which a peer begins. They keep their names for ever.
int FirstListings(const Model& model, int peer) {
  int count = 0;
  for (const InitialBook& book : model.scenario.books) count += book.peer == peer;
  return count;
}

Violation CheckTransfer(const Model& model, const World& world, int t) {
  const Transfer& transfer = world.transfers[t];
  if (transfer.ticket && transfer.refusal != Reason::kNone) return Violation::kTicketAndRefusal;
  if (!transfer.released()) return Violation::kNone;
  if (model.spec(t).copy) return Violation::kTookACopy;
  const int source = model.spec(t).source;
  if (transfer.listing <= FirstListings(model, source) &&
      world.peers[source].at(transfer.listing).name != model.spec(t).name) {
    return Violation::kTookAnotherName;
  }
  if (transfer.hidden_file.file == File::kOther && !transfer.scribbled) {
    return Violation::kWrongContent;
  }
  for (int o = 0; o < t; ++o) {
    const Transfer& other = world.transfers[o];
    if (other.released() && model.spec(o).source == model.spec(t).source &&
        other.listing == transfer.listing) {
      return Violation::kReleasedTwice;
    }
  }
  return Violation::kNone;
}

}  // namespace

Violation CheckWorld(const Model& model, const World& world) {
  if (world.overflow) return Violation::kBounds;
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Violation violation = CheckTransfer(model, world, t);
    if (violation != Violation::kNone) return violation;
  }
  for (int p = 0; p < model.scenario.peers; ++p) {
    if (!world.peers[p].lost && Others(model, world, p) != world.peers[p].others) {
      return Violation::kOverwritten;
    }
  }
  if (DurableCopies(model, world) < world.owed) return Violation::kLoss;
  if (LiveCopies(world) > world.owed) return Violation::kTwoOwners;
  if (world.owed > MostOwed(model, world)) return Violation::kUnaskedCopy;
  return Violation::kNone;
}

Violation CheckStep(const Model& model, const World& before, const Step& step, const World& after) {
  if (step.served_listing != 0) {
    const ListingState state = before.peers[step.served_by].at(step.served_listing).state;
    if (state == ListingState::kReleased) return Violation::kServedReleased;
  }
  for (int p = 0; p < model.scenario.peers; ++p) {
    for (int number = 1; number <= kListings; ++number) {
      if (before.index.at(p, number) == Indexed::kGone &&
          after.index.at(p, number) == Indexed::kPresent) {
        return Violation::kIndexRevived;
      }
    }
  }
  return Violation::kNone;
}

Violation CheckQuiescent(const Model& model, const World& world) {
  int in_custody = 0, in_limbo = 0, stranded = 0, stranded_books = 0;
  for (int t = 0; t < model.transfer_count(); ++t) {
    const Transfer& transfer = world.transfers[t];
    const TransferSpec& spec = model.spec(t);
    const bool receiver_lost = world.peers[spec.receiver].lost;
    // The receiver will not confirm; the source's operator has to decide.
    const bool limbo = (receiver_lost || transfer.kept) && transfer.giving == Giving::kReleased;
    if (limbo && transfer.hidden_file.file == File::kBook) ++in_limbo;
    if (limbo && transfer.custody) ++in_custody;
    if (transfer.hidden != Hidden::kNone && !limbo) return Violation::kInDoubt;
    const bool source_lost = world.peers[spec.source].lost;
    if (transfer.giving == Giving::kReleased && !limbo && !source_lost) return Violation::kInDoubt;
    if (receiver_lost) continue;
    switch (transfer.receiving) {
      case Receiving::kNone:
        break;
      case Receiving::kIntent:
        return Violation::kInDoubt;
      case Receiving::kPrepared:
        // The source is lost and cannot answer; the operator has to decide.
        if (!source_lost) return Violation::kInDoubt;
        ++stranded;
        stranded_books += transfer.released();
        break;
      case Receiving::kOwned:
        if (!transfer.settled) return Violation::kInDoubt;
        [[fallthrough]];
      case Receiving::kKept:
        if (transfer.copy != Copy::kInLibrary) return Violation::kInDoubt;
        break;
      case Receiving::kDropped:
        if (transfer.copy != Copy::kNone) return Violation::kInDoubt;
        break;
    }
  }
  // Every copy is one that its holder is entitled to; the rest waits for an operator.
  const int live = LiveCopies(world);
  if (live != world.owed - in_custody - stranded_books) return Violation::kWrongCopies;
  if (DurableCopies(model, world) != live + in_limbo + stranded) return Violation::kWrongCopies;
  for (int p = 0; p < model.scenario.peers; ++p) {
    for (int number = 1; number <= kListings; ++number) {
      const Indexed entry = world.index.at(p, number);
      const bool shown = entry == Indexed::kPresent || entry == Indexed::kEarlier;
      if (shown != HasFile(world, p, number)) return Violation::kWrongIndex;
    }
  }
  return Violation::kNone;
}

const char* Describe(Violation violation) {
  switch (violation) {
    case Violation::kNone:
      return "";
    case Violation::kLoss:
      return "LOSS: fewer durable copies than people are entitled to";
    case Violation::kTwoOwners:
      return "TWO OWNERS: more live copies than people are entitled to";
    case Violation::kUnaskedCopy:
      return "UNASKED COPY: a move became a copy, and no person or operator had a hand in it";
    case Violation::kReleasedTwice:
      return "RELEASED TWICE: one listing was given to two receivers";
    case Violation::kTicketAndRefusal:
      return "TICKET AND REFUSAL: both were sent for one transfer";
    case Violation::kWrongContent:
      return "WRONG CONTENT: a person's other file was given away as the book";
    case Violation::kOverwritten:
      return "OVERWRITTEN: a person's other file was destroyed";
    case Violation::kTookACopy:
      return "TOOK A COPY: a transfer begun as a copy took the book away";
    case Violation::kTookAnotherName:
      return "TOOK ANOTHER NAME: a listing was released that has not the requested name";
    case Violation::kServedReleased:
      return "SERVED: a released listing was served";
    case Violation::kIndexRevived:
      return "REVIVED: the index shows a listing again that it knew to be gone";
    case Violation::kInDoubt:
      return "IN DOUBT: nothing is left to do, and a transfer is neither done nor dropped";
    case Violation::kWrongCopies:
      return "WRONG COPIES: nothing is left to do, and there are more or fewer copies than there "
             "should be";
    case Violation::kWrongIndex:
      return "WRONG INDEX: nothing is left to do, and the index does not name just the live "
             "listings";
    case Violation::kNeverSettles:
      return "NEVER SETTLES: without further crashes the programs go in circles";
    case Violation::kBounds:
      return "BOUNDS: more listing numbers, names or worlds than the model has room for";
  }
  return "";
}

}  // namespace arkshare::model
