#include "tests/model/scenarios.h"

#include "tests/model/world.h"

namespace arkshare::model {
namespace {

std::vector<Scenario> Build() {
  return {
      {.name = "one", .what = "A to B; the index forgets", .index_forgets = true},
      {.name = "again",
       .what = "A to B, given up, and once more; the index forgets",
       .transfers = {{kA, kB}, {kA, kB}},
       .index_forgets = true},
      {.name = "copy",
       .what = "B asks A for a copy, C asks to take it",
       .peers = 3,
       .transfers = {{kA, kB, true}, {kA, kC}}},
      {.name = "policy",
       .what = "B and C ask A, whose operator changes the policy twice",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}},
       .policy_changes = 2},
      {.name = "lender",
       .what = "A lends only; B asks to take, and C asks B",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .lends = Only(kA),
       .index_forgets = true},
      {.name = "fixed",
       .what = "A may not rename its file; B asks to take it, and C asks B",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .fixed = Only(kA)},
      {.name = "race",
       .what = "B and C both want A's book; the index forgets",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}},
       .index_forgets = true},
      {.name = "chain",
       .what = "A to B, and on to C; the index forgets",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .index_forgets = true},
      {.name = "return",
       .what = "A to B, and back to A; the index forgets",
       .transfers = {{kA, kB}, {kB, kA}},
       .index_forgets = true},
      {.name = "return-hands",
       .what = "A to B, and back to A; people act once in either folder",
       .transfers = {{kA, kB}, {kB, kA}},
       .hands_at = kEverybody,
       .hand_count = 1},
      {.name = "source-hands",
       .what = "A to B; people act twice in A's folder",
       .hands_at = Only(kA),
       .hand_count = 2},
      {.name = "receiver-hands",
       .what = "A to B; people act twice in B's folder, the index forgets",
       .index_forgets = true,
       .hands_at = Only(kB),
       .hand_count = 2},
      {.name = "limbo",
       .what = "A to B; B's disk may be lost, A's operator may restore, people act once",
       .index_forgets = true,
       .hands_at = kEverybody,
       .hand_count = 1,
       .restores = 1,
       .may_be_lost = Only(kB)},
      {.name = "limbo-return",
       .what = "A to B, and back to A, whose operator may restore",
       .transfers = {{kA, kB}, {kB, kA}},
       .restores = 2},
      {.name = "limbo-chain",
       .what = "A to B, and on to C, whose disk may be lost; operators may restore twice",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .restores = 2,
       .may_be_lost = Only(kC)},
      {.name = "source-lost",
       .what = "A to B, and on to C; B's disk may be lost, A's operator may restore",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .restores = 1,
       .may_be_lost = Only(kB)},
      {.name = "keep",
       .what =
           "A to B; A's disk may be lost, B's operator may keep, A's restore; the index forgets",
       .index_forgets = true,
       .restores = 1,
       .keeps = 1,
       .may_be_lost = Only(kA)},
      {.name = "keep-hands",
       .what = "A to B, whose operator may keep; people act once in A's folder, A's operator may "
               "restore",
       .hands_at = Only(kA),
       .hand_count = 1,
       .restores = 1,
       .keeps = 1},
      {.name = "keep-chain",
       .what = "A to B, and on to C; operators may keep once",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .keeps = 1},
      {.name = "keep-race",
       .what = "B and C both want A's book; operators may keep once, and restore once",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}},
       .restores = 1,
       .keeps = 1},
      {.name = "holders",
       .what = "A and C hold the book; B fetches it from both, and takes it from A or from C",
       .peers = 3,
       .books = {{kA, 0}, {kC, 0}},
       .transfers = {{kA, kB}, {kC, kB}},
       .hands_at = Only(kA),
       .hand_count = 1},
      {.name = "false-hash",
       .what = "A and C hold the book, a program changes A's and puts its times back; B fetches "
               "from C and takes it from A",
       .peers = 3,
       .books = {{kA, 0}, {kC, 0}},
       .transfers = {{kA, kB}},
       .hands_at = Only(kA),
       .hands = kForge,
       .hand_count = 1},
      {.name = "batch",
       .what = "two books of A go to B in one Release; people edit or delete one",
       .books = {{kA, 0}, {kA, 1}},
       .transfers = {{kA, kB, false, 0}, {kA, kB, false, 1}},
       .batch = true,
       .hands_at = Only(kA),
       .hands = kEdit | kDelete,
       .hand_count = 1},
      {.name = "blocked",
       .what = "A to B; people make places at B unusable, twice; the index forgets",
       .index_forgets = true,
       .hands_at = Only(kB),
       .hands = kBlock | kTakeName,
       .hand_count = 2},
      {.name = "names",
       .what = "A has the book under two names; B asks for one, people delete or rename at A once",
       .books = {{kA, 0}, {kA, 1}},
       .hands_at = Only(kA),
       .hands = kDelete | kRename,
       .hand_count = 1},
      {.name = "same-id",
       .what = "B and C ask A under the same transfer_id",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}},
       .same_id = true},
      {.name = "snapshots",
       .what = "A to B, and back, while snapshots take their time; the index forgets",
       .transfers = {{kA, kB}, {kB, kA}},
       .index_forgets = true,
       .slow_snapshots = true},
      {.name = "snapshots-hands",
       .what = "A to B, while snapshots take their time; the index forgets, people act once",
       .index_forgets = true,
       .slow_snapshots = true,
       .hands_at = kEverybody,
       .hand_count = 1},
      {.name = "round-trips",
       .what = "A to B, back to A, and to B again; the index forgets",
       .transfers = {{kA, kB}, {kB, kA}, {kA, kB}},
       .index_forgets = true},
      {.name = "race-return",
       .what = "B and C want A's book, and A wants it back from B; the index forgets",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}, {kB, kA}},
       .index_forgets = true},
      {.name = "race-chase",
       .what = "B and C want A's book, and C asks B, too; people act once at B",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}, {kB, kC}},
       .hands_at = Only(kB),
       .hand_count = 1,
       .large = true},
      {.name = "race-hands",
       .what = "B and C want A's book; people act twice in A's folder",
       .peers = 3,
       .transfers = {{kA, kB}, {kA, kC}},
       .hands_at = Only(kA),
       .hands = kEdit | kDelete | kTakeName,
       .hand_count = 2},
      {.name = "chain-hands",
       .what = "A to B, and on to C; people act once at B, the index forgets",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .index_forgets = true,
       .hands_at = Only(kB),
       .hand_count = 1},
      {.name = "limbo-large",
       .what = "A to B, and on to C; disks may be lost, operators restore, people act, the index "
               "forgets",
       .peers = 3,
       .transfers = {{kA, kB}, {kB, kC}},
       .index_forgets = true,
       .hands_at = kEverybody,
       .hand_count = 1,
       .restores = 1,
       .may_be_lost = Only(kC),
       .large = true},
      {.name = "return-hands-large",
       .what = "A to B, and back to A; people act once anywhere, the index forgets",
       .transfers = {{kA, kB}, {kB, kA}},
       .index_forgets = true,
       .hands_at = kEverybody,
       .hand_count = 1,
       .restores = 1,
       .large = true},
      {.name = "batch-large",
       .what = "two books of A go to B in one Release; people act once in A's folder",
       .books = {{kA, 0}, {kA, 1}},
       .transfers = {{kA, kB, false, 0}, {kA, kB, false, 1}},
       .batch = true,
       .hands_at = Only(kA),
       .hand_count = 1,
       .large = true},
  };
}

}  // namespace

const std::vector<Scenario>& AllScenarios() {
  static const auto& all = *new std::vector<Scenario>(Build());
  return all;
}

const Scenario* FindScenario(std::string_view name) {
  for (const Scenario& scenario : AllScenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

World InitialWorld(const Scenario& scenario) {
  World world;
  const Model model{scenario, {}};
  for (const InitialBook& book : scenario.books) {
    const int number = NewListing(model, world, book.peer, ListingState::kLive, book.name);
    world.peers[book.peer].library[book.name] = {File::kBook, static_cast<uint8_t>(number)};
    ++world.owed;
  }
  for (int p = 0; p < scenario.peers; ++p) {
    world.peers[p].lends = (scenario.lends & Only(p)) != 0;
    EndSession(model, world, p);
  }
  world.hands = static_cast<uint8_t>(scenario.hand_count);
  world.policy_changes = static_cast<uint8_t>(scenario.policy_changes);
  world.restores = static_cast<uint8_t>(scenario.restores);
  world.keeps = static_cast<uint8_t>(scenario.keeps);
  world.losses = scenario.may_be_lost != kNobody;
  return world;
}

}  // namespace arkshare::model
