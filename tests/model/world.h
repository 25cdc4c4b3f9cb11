// Questions about a world, and changes that several steps share.
#ifndef ARKSHARE_TESTS_MODEL_WORLD_H_
#define ARKSHARE_TESTS_MODEL_WORLD_H_

#include "tests/model/scenarios.h"
#include "tests/model/state.h"

namespace arkshare::model {

// A file is listed as the book although it has another content.
bool Forged(const World& world, int peer, const NamedFile& file);

// The file of a live listing lies in the library under its name, unchanged.
bool HasFile(const World& world, int peer, int number);

// The ledger has the listing, and its file is still on its way into the library: it is not served
// yet.
bool Placing(const Model& model, const World& world, int peer, int number);

// Placing, or some move is between two of its steps with this listing's file; noticing leaves it
// alone.
bool Locked(const Model& model, const World& world, int peer, int number);

// The listing was received by a ticket, and the index has not answered its UpdateOwner yet.
bool Unsettled(const Model& model, const World& world, int peer, int number);

// `wanted`, or the first free name after it; kNames when all are taken.
int FreeName(const World& world, int peer, int wanted);

// The next number of the peer's counter.
int NextNumber(const Model& model, const World& world, int peer);

// A transaction that draws one is under way, and others wait for it.
bool DrawingNumber(const Model& model, const World& world, int peer);

// A listing is born, durably.
void BearListing(World& world, int peer, int number, ListingState state, int name);

// NextNumber and BearListing in one.
int NewListing(const Model& model, World& world, int peer, ListingState state, int name);

// released/<transfer> goes back into the library: under its old name or, when a person has taken
// that, under a free one. Both folders are synced.
void PutBack(const Model& model, World& world, int transfer);
// The copy is in the library, under its reserved name.
void InLibrary(Transfer& transfer);

// The record that the receiver, or the source, of a transfer was writing is durable.
void CommitReceiver(const Model& model, World& world, int transfer);
void CommitSource(const Model& model, World& world, int transfer);

// The receiver's copy is now one that its operator has kept: the book may be in the world once
// more.
void CountKept(World& world, int transfer);

// The peer's session with the index is over: what it was about to say is void.
void EndSession(const Model& model, World& world, int peer);

}  // namespace arkshare::model

#endif  // ARKSHARE_TESTS_MODEL_WORLD_H_
